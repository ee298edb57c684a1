"""A stream with the native operators: state in place, skipping, streams in several threads."""

import json
import os
import threading

import numpy as np
import pytest

import patchskip
from patchskip.plugins import library

pytestmark = pytest.mark.skipif(
    not os.path.isfile(library.FILE), reason="the native library is not built: python plugins/build.py"
)
HEIGHT, WIDTH, PATCH, CHANNELS = 32, 48, 16, 8
FRAME, FEATURES = [1, HEIGHT, WIDTH, 3], [1, HEIGHT // 2, WIDTH // 2, CHANNELS]
GRID = [HEIGHT // PATCH, WIDTH // PATCH]


@pytest.fixture
def model(tmp_path, rng):
    """uint8 image -> normalised image -> 3x3 convolution of stride 2 -> NCHW, gate `exact`."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    make, node = onnx.helper.make_tensor_value_info, onnx.helper.make_node

    def own(op, inputs, outputs, **attributes):
        made = node(op, inputs, outputs, domain="patchskip")
        made.attribute.extend(onnx.helper.make_attribute(name, value) for name, value in attributes.items())
        return made

    kernel = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "dilations": [1, 1], "group": 1}
    normalise = {"scale": [1 / 255.0] * 3, "bias": [-0.5] * 3}
    nodes = [
        own("PatchGate", ["images", "image.cache"], ["active"], mode="exact", patch=PATCH, **normalise),
        own("PatchSkip", ["active", "image.cache", "images"], ["image"], op_type="Image", patch=PATCH, **normalise),
        own(
            "PatchMask",
            ["active"],
            ["grown"],
            size=FEATURES[1:3],
            patch=PATCH // 2,
            in_patch=[PATCH],
            windows=[2, 1, -1, 1] * 2,
        ),
        own(
            "PatchSkip",
            ["grown", "conv.cache", "image", "w", "b"],
            ["conv"],
            op_type="Conv",
            patch=PATCH // 2,
            activation="Relu",
            **kernel,
        ),
        node("Transpose", ["conv"], ["output"], perm=[0, 3, 1, 2]),
    ]
    weights = {"w": rng.normal(size=(CHANNELS, 3, 3, 3)), "b": rng.normal(size=CHANNELS)}
    shape = [1, CHANNELS] + FEATURES[1:3]
    graph = onnx.helper.make_graph(
        nodes,
        "test",
        [make("images", 2, FRAME), make("image.cache", 1, FRAME), make("conv.cache", 1, FEATURES)],
        [
            make("output", 1, shape),
            make("image", 1, FRAME),
            make("conv", 1, FEATURES),
            make("active", 6, GRID),
            make("grown", 6, GRID),
        ],
        [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    proto = onnx.helper.make_model(
        graph, ir_version=7, opset_imports=[onnx.helper.make_opsetid("", 13), onnx.helper.make_opsetid("patchskip", 1)]
    )
    metadata = {
        "format": 1,
        "patch": PATCH,
        "gate": "exact",
        "threshold": 0,
        "inputs": [{"name": "images", "shape": FRAME, "dtype": "uint8", "layout": "NHWC"}],
        "outputs": [{"name": "output", "shape": shape}],
        "states": [
            {"input": "image.cache", "output": "image", "kind": "cache", "shape": FRAME},
            {"input": "conv.cache", "output": "conv", "kind": "cache", "shape": FEATURES},
        ],
        "masks": [
            {"name": "active", "patch": PATCH, "size": [HEIGHT, WIDTH]},
            {"name": "grown", "patch": PATCH // 2, "size": FEATURES[1:3]},
        ],
        "layers": [
            {"name": "image", "op_type": "Image", "shape": FRAME, "macs": 0, "mask": "active"},
            {"name": "conv", "op_type": "Conv", "shape": FEATURES, "macs": 1000, "mask": "grown"},
        ],
        "dense": [],
        "macs": 1000,
        "coverage": 1.0,
    }
    onnx.helper.set_model_props(proto, {"patchskip": json.dumps(metadata)})
    path = tmp_path / "native.onnx"
    onnx.save(proto, str(path))
    return patchskip.load(str(path), threads=2)


def frames(rng, count):
    """A still image in which one pixel changes from each frame to the next."""
    image = rng.randint(0, 256, FRAME).astype(np.uint8)
    for _ in range(count):
        yield image.copy()
        y, x = rng.randint(HEIGHT), rng.randint(WIDTH)
        image[0, y, x] ^= 0x80


def test_every_frame_equals_a_full_recomputation(model, rng):
    stream = model.stream()
    for image in frames(rng, 20):
        result = stream.infer({"images": image})["output"]
        assert np.isfinite(result).all() and result.any()
        np.testing.assert_array_equal(result, model.stream().infer({"images": image})["output"])


def test_only_what_changed_is_active(model, rng):
    stream = model.stream()
    for i, image in enumerate(frames(rng, 5)):
        stream.infer({"images": image})
        shares = [layer["active"] for layer in stream.stats["layers"]]
        if i == 0:
            assert shares == [1, 1] and stream.stats["active_macs"] == 1
        else:
            assert shares[0] == pytest.approx(1 / 6) and 1 / 6 <= shares[1] + 1e-9 <= 4 / 6 + 1e-9
            assert stream.image_mask()[0].sum() == 1
    stream.infer({"images": image})  # nothing changed
    assert stream.stats["active_macs"] == 0 and not stream.image_mask()[0].any()


def test_the_state_is_written_in_place(model, rng):
    """A skipped patch is not touched: what is put into its memory is still there, in the output too."""
    stream = model.stream()
    image = next(frames(rng, 1))
    stream.infer({"images": image})
    conv = stream._execution._arrays["conv"]
    conv[0, 0, 0] = 1234.5
    image[0, HEIGHT - 1, WIDTH - 1] ^= 0x80
    result = stream.infer({"images": image})["output"]
    assert (result[0, :, 0, 0] == 1234.5).all()
    stream.reset()
    assert not (stream.infer({"images": image})["output"] == 1234.5).any()


def test_streams_in_threads(model, rng):
    clips = [list(frames(rng, 30)) for _ in range(4)]
    expected = [model.stream().infer({"images": clip[-1]})["output"] for clip in clips]
    results = [None] * len(clips)

    def work(i):
        stream = model.stream()
        for image in clips[i]:
            results[i] = stream.infer({"images": image})["output"]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(clips))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(results, expected)


def test_state_memory(model):
    assert model.stream().state_bytes == 4 * (np.prod(FRAME) + np.prod(FEATURES))
