"""The real networks: how much is covered, and that the export is the network."""

import numpy as np
import onnx
import pytest
from export_support import Stream, assert_close, dense_runner, evaluators

from patchskip.export import convert, set_input_size
from patchskip.export.metadata import metadata_of
from patchskip.export.preprocess import PRESETS, normalised

NETWORKS = {
    "yolox_nano_416.onnx": "yolox",
    "FastestDet.onnx": "unit-bgr",
    "simplepose_deploy.onnx": "imagenet",
    "blazepose_lite_256.onnx": "unit",
    "movenet_lightning_192.onnx": "signed",
    "mobilenetv2_224.onnx": "signed",
}


@pytest.mark.parametrize("name", NETWORKS)
def test_coverage(weights, name):
    report = convert(onnx.load(weights / name)).report
    assert report["coverage"] >= 0.95 and report["memory_ratio"] <= 1.2
    assert all(node["reason"] for node in report["nodes"] if not node["patchskip"])


@pytest.mark.parametrize("gate", ["exact", "delta"])
def test_yolox_at_video_size(weights, gate):
    result = convert(onnx.load(weights / "yolox_nano_416.onnx"), input_size=(576, 768), gate=gate)
    metadata = metadata_of(result.model)
    assert result.report["memory_ratio"] <= 1.2
    assert metadata["coverage"] == 1 and not metadata["dense"] and metadata["preset"] == "yolox"
    assert metadata["outputs"] == [{"name": "output", "shape": [1, 9072, 85]}]
    types = [layer["op_type"] for layer in metadata["layers"]]
    convolutions = {"Conv": 1, "ConcatConv": 1, "SeparableConv": 2}
    assert sum(convolutions.get(op_type, 0) for op_type in types) == 113
    assert set(types) <= {*convolutions, "Image", "MaxPool", "Concat", "Resize", "Flatten"}
    assert sum(layer["macs"] for layer in metadata["layers"]) == metadata["macs"]


def frames(weights, size):
    """Two frames of a person in a still room: what these networks look for, so that no output is all but zero."""
    cv2 = pytest.importorskip("cv2")
    video = cv2.VideoCapture(str(weights.parent / "videos" / "pose_squats_720x1280_5fps.mp4"))
    found = [cv2.resize(video.read()[1], size[::-1]) for _ in range(2)]
    kept = found[0].copy()  # the second differs in the middle alone: no noise of the video elsewhere
    rows, columns = (slice(n // 2 - 20, n // 2 + 20) for n in size)
    kept[rows, columns] = found[1][rows, columns]
    return found[0], kept


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_the_export_is_the_network(weights, name):
    model = onnx.load(weights / name)
    exported = convert(model, preset=NETWORKS[name]).model
    metadata = metadata_of(exported)
    value = metadata["inputs"][0]
    dense = dense_runner(model)
    for run in evaluators(exported).values():
        stream, counts = Stream(exported, run), []
        for image in frames(weights, tuple(value["shape"][2:])):
            feed = {value["name"]: normalised(image, PRESETS[NETWORKS[name]])}
            out = stream.infer(feed)
            for key, expected in dense(feed).items():
                assert_close(out[key], expected)
            counts.append(stream.active(out))
        assert counts[1] < counts[0]


@pytest.mark.slow
def test_yolox_takes_the_frame_itself(weights):
    model = set_input_size(onnx.load(weights / "yolox_nano_416.onnx"), (288, 384))
    exported = convert(model, input="u8").model
    frame = frames(weights, (288, 384))[0]
    (expected,) = dense_runner(model)({"images": normalised(frame, PRESETS["yolox"])}).values()
    for run in evaluators(exported).values():
        assert_close(Stream(exported, run).infer({"images": np.ascontiguousarray(frame[None])})["output"], expected)
