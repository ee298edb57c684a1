"""A backbone's ONNX file is the network, and `patchskip export` covers all of it."""

import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import patchskip
from patchskip.export import convert
from patchskip.export.command import save
from patchskip.export.preprocess import PRESETS, normalised
from patchskip.runtime import opencv
from patchskip.runtime.sources import open_source
from patchskip.training.backbones import BACKBONES
from patchskip.training.backbones.initial import pictures
from patchskip.training.backbones.onnx_file import write_onnx

# network, size, millions of multiplications. FairMOT's are less than a count over the authors' modules gives (84294 and
# 23533): two projections whose results nothing reads are not in the file.
MMACS = [
    ("mobilehumanpose", (256, 256), 500.7),
    ("mobilehumanpose-large-18", (256, 256), 2506.2),
    ("fairmot-dlaconv", (320, 576), 23440.3),
    ("fairmot-dlaconv", (608, 1088), 84124.8),
    ("fairmot-dla", (320, 576), 25075.2),
    ("fairmot-resdcn-18", (320, 576), 15215.0),
    ("fairmot-resdcn-18", (608, 1088), 54604.8),
    ("fairmot-yolo", (320, 576), 5048.2),
    ("fairmot-yolo", (608, 1088), 18117.3),
]
POSE = ("mobilehumanpose", (256, 256), "pose_squats_720x1280_5fps.mp4")
DEFORMABLE = ("fairmot-dla", (128, 192), "pets09_s2l1_vtest_480x360.avi")
RESIDUAL = ("fairmot-resdcn-18", (128, 192), "pets09_s2l1_vtest_480x360.avi")
TRACK = ("fairmot-dlaconv", (320, 576), "pets09_s2l1_vtest_480x360.avi")


@pytest.fixture
def write(network, tmp_path):
    """write(name, size) -> path of the ONNX file"""

    def made(name, size):
        path = tmp_path / f"{name}.onnx"
        write_onnx(network(name), size, BACKBONES[name].outputs, path)
        return path

    return made


@pytest.mark.parametrize("name, size, mmacs", MMACS)
def test_coverage(write, name, size, mmacs):
    report = convert(onnx.load(write(name, size))).report
    assert report["coverage"] == 1
    assert all(node["patchskip"] for node in report["nodes"])
    assert report["macs"] / 1e6 == pytest.approx(mmacs, rel=1e-4)


def assert_close(found, expected):
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", BACKBONES)
def test_the_file_is_the_network(write, network, name):
    size = (BACKBONES[name].stride * 2, BACKBONES[name].stride * 3)
    try:
        session = onnxruntime.InferenceSession(write(name, size))
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented as error:
        pytest.skip(f"onnxruntime {onnxruntime.__version__} has not all operators: {error}")
    x = pictures(BACKBONES[name].preset, seed=5, size=size, count=1)
    with torch.no_grad():
        expected = network(name)(x)
    assert [output.name for output in session.get_outputs()] == list(BACKBONES[name].outputs)
    for found, value in zip(
        session.run(None, {"images": x.numpy()}), expected if isinstance(expected, tuple) else [expected]
    ):
        assert_close(found, value.numpy())


def frames(path, size):
    """Of a real clip: the first, the same with the middle of the second, the second, and the second again."""
    cv2, source = opencv.load(), open_source(str(path))
    first, second = (cv2.resize(frame, size[::-1]) for frame in itertools.islice(source, 2))
    mixed = first.copy()
    rows, columns = (slice(n // 2 - 16, n // 2 + 16) for n in size)
    mixed[rows, columns] = second[rows, columns]
    return [first, mixed, second, second]


@pytest.mark.parametrize("name, size, clip", [POSE, DEFORMABLE, RESIDUAL, pytest.param(*TRACK, marks=pytest.mark.slow)])
def test_a_stream_in_exact_mode_is_the_network(write, network, data, tmp_path, name, size, clip):
    export = convert(onnx.load(write(name, size))).model
    save(export, tmp_path / "net.patchskip.onnx")
    model = patchskip.load(tmp_path / "net.patchskip.onnx")
    stream, active = model.stream(), []
    for frame in frames(data / "videos" / clip, size):
        feeds = {"images": normalised(frame, PRESETS[BACKBONES[name].preset])}
        found = {key: value.copy() for key, value in stream.infer(feeds).items()}
        active.append(stream.stats["active_macs"])
        with torch.no_grad():
            expected = network(name)(torch.from_numpy(feeds["images"]))
        for key, value in zip(BACKBONES[name].outputs, expected if isinstance(expected, tuple) else [expected]):
            assert_close(found[key], value.numpy())
        for key, value in model.stream().infer(feeds).items():
            np.testing.assert_array_equal(found[key], value)
    assert active[0] == pytest.approx(1) and active[0] > active[1] > active[3] == 0
