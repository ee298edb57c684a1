"""Gates at more layers, from the network that a model was exported from."""

import onnx
import pytest

import patchskip
from patchskip.export import convert
from patchskip.export.calibration.placing import place
from patchskip.export.calibration.settings import Gates
from patchskip.export.command import save
from patchskip.runtime import opencv
from patchskip.runtime.errors import PatchskipError


@pytest.fixture
def few(demo, tmp_path):
    """-> a model with two gates, and what they are."""
    gates = {"images": 5.0, "stem1.conv": 0.1}
    path = tmp_path / "few.patchskip.onnx"
    save(convert(onnx.load(demo / "network.onnx"), gate="delta", gates=gates, input="u8").model, path)
    return patchskip.load(path, 1), Gates(onnx.load(path)).gates


@pytest.fixture
def frames(demo):
    return [opencv.load().imread(str(demo / "clip" / "000001.png"))]


@pytest.mark.parametrize("patch", [None, 8])
def test_more_gates(few, demo, frames, patch):
    model, gates = few
    placed = Gates(place(demo / "network.onnx", model, gates, patch, frames))
    assert set(gates) < set(placed.gates) and len(placed.gates) > 4
    for name, gate in gates.items():
        assert placed.gates[name].threshold == pytest.approx(gate.threshold)
    assert placed.patches["images"] == (patch or 16)
    assert all(gate.threshold > 0 for gate in placed.gates.values())


def test_another_network(few, demo, frames):
    model, gates = few
    model.metadata["source_sha256"] = "0"
    with pytest.raises(PatchskipError, match="exported from another file"):
        place(demo / "network.onnx", model, gates, None, frames)


def test_weights_that_were_trained_since(few, demo, frames):
    model, gates = few
    model.metadata["finetuned"] = True
    with pytest.raises(PatchskipError, match="has other weights than .*; calibrate first, and finetune the result"):
        place(demo / "network.onnx", model, gates, None, frames)
