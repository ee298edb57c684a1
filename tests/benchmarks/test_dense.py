"""The dense network where there is no exporter: on a device with an old Python."""

import sys

import pytest

from patchskip import PatchskipError
from patchskip.benchmarks.dense import DenseModel


@pytest.fixture
def device(monkeypatch):
    monkeypatch.setitem(sys.modules, "patchskip.export", None)


def test_as_it_is(demo, device):
    model = DenseModel(demo / "network.onnx", 1, (256, 320))
    assert model.inputs[0]["shape"] == [1, 3, 256, 320]
    assert set(model.stream().infer({"images": model.stream()._image})) == {"output"}


@pytest.mark.parametrize("size", [(256, 320), (128, 160)])
def test_an_open_batch(demo, tmp_path, size):
    """As most exports have it; the network's own size is no exception."""
    onnx = pytest.importorskip("onnx")
    network = onnx.load(demo / "network.onnx")
    network.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(network, tmp_path / "open.onnx")
    assert DenseModel(tmp_path / "open.onnx", 1, size).inputs[0]["shape"] == [1, 3, *size]


@pytest.mark.parametrize(
    "name, size, words",
    [
        ("network.onnx", (64, 96), ["[1, 3, 256, 320]", "[64, 96]", "no exporter"]),
        ("text.onnx", None, ["text.onnx", "copy or export it again"]),
    ],
)
def test_what_it_cannot_change(demo, device, name, size, words):
    (demo / "text.onnx").write_text("no network")
    with pytest.raises(PatchskipError) as error:
        DenseModel(demo / name, 1, size)
    assert all(word in str(error.value) for word in words), error.value
