import numpy as np
import pytest

from patchskip import PatchskipError
from patchskip.runtime.preprocess import Preprocess

cv2 = pytest.importorskip("cv2")
NHWC_U8 = {"name": "i", "shape": [1, 64, 96, 3], "dtype": "uint8", "layout": "NHWC"}
NCHW = {"name": "i", "shape": [1, 3, 64, 96], "dtype": "float32", "layout": "NCHW"}
NHWC = {"name": "i", "shape": [1, 64, 96, 3], "dtype": "float32", "layout": "NHWC"}
IMAGENET = {"channels": "RGB", "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}


def frame(rng, height, width):
    return rng.randint(0, 256, (height, width, 3)).astype(np.uint8)


def letterboxed(image, pad=114):
    """The definition, in plain steps: YOLOX's."""
    ratio = min(64 / image.shape[0], 96 / image.shape[1])
    rows, columns = int(image.shape[0] * ratio), int(image.shape[1] * ratio)
    result = np.full((64, 96, 3), pad, np.uint8)
    result[:rows, :columns] = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return result, ratio


@pytest.mark.parametrize("size", [(64, 96), (32, 48), (60, 60), (40, 200), (480, 640)])
def test_letterbox(rng, size):
    preprocess, image = Preprocess(NHWC_U8), frame(rng, *size)
    expected, ratio = letterboxed(image)
    np.testing.assert_array_equal(preprocess(image)[0], expected)
    assert preprocess.scale == (ratio, ratio)


def test_stretch(rng):
    preprocess, image = Preprocess(NHWC_U8, {"fit": "stretch"}), frame(rng, 40, 30)
    np.testing.assert_array_equal(preprocess(image)[0], cv2.resize(image, (96, 64)))
    assert preprocess.scale == (96 / 30, 64 / 40)


@pytest.mark.parametrize("entry", [NCHW, NHWC], ids=["NCHW", "NHWC"])
@pytest.mark.parametrize("options", [{}, IMAGENET, {"channels": "RGB"}], ids=["plain", "imagenet", "rgb"])
def test_normalisation(rng, entry, options):
    preprocess, image = Preprocess(entry, options), frame(rng, 60, 60)
    expected = letterboxed(image)[0].astype(np.float64)
    expected = expected[..., ::-1] if options.get("channels") == "RGB" else expected
    expected = (expected - options.get("mean", 0)) / options.get("std", 1)
    result = preprocess(image)
    assert result.shape == tuple(entry["shape"]) and result.dtype == np.float32
    result = result[0].transpose(1, 2, 0) if entry is NCHW else result[0]
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-6)


def test_the_memory_is_reused_and_repainted(rng):
    preprocess = Preprocess(NCHW)
    wide, tall = frame(rng, 20, 96), frame(rng, 64, 20)
    first = preprocess(wide)
    assert preprocess(wide) is first
    np.testing.assert_array_equal(preprocess(tall)[0].transpose(1, 2, 0), letterboxed(tall)[0])


@pytest.mark.parametrize("image", [np.zeros((8, 8), "u1"), np.zeros((8, 8, 3), "f4"), np.zeros((0, 8, 3), "u1")])
def test_what_is_not_a_frame(image):
    with pytest.raises(PatchskipError, match="uint8"):
        Preprocess(NHWC_U8)(image)


@pytest.mark.parametrize(
    "change", [{"shape": [1, 1, 64, 96]}, {"shape": [1, 195]}, {"dtype": "float16"}, {"dtype": "uint8"}]
)
def test_inputs_that_take_no_frame(change):
    with pytest.raises(PatchskipError, match="input i"):
        Preprocess(dict(NCHW, **change))
