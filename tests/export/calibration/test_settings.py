"""Other thresholds and cells in a model that was exported."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

import patchskip
from patchskip.export.calibration.settings import Gates
from patchskip.export.command import save
from patchskip.export.gate_file import Gate
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.pipeline import Pipeline
from patchskip.runtime.sources import open_source


@pytest.fixture
def gates(demo):
    return Gates(onnx.load(demo / "delta.patchskip.onnx"))


def streamed(model, demo, path):
    save(model, path)
    pipeline = Pipeline(patchskip.load(path, 1), "none")
    active = []
    for frame in open_source(demo / "clip"):
        pipeline(frame)
        active.append(pipeline.stream.stats["active_macs"])
    return np.array(active), {name: value.copy() for name, value in pipeline.outputs.items()}


def test_gates_are_those_of_the_model(gates, demo):
    assert gates.pictures == ["images"]
    assert gates.gates["images"].cell == 8 and gates.patches["images"] == 16
    assert all(gate.threshold > 0 and gates.patches[name] % gate.cell == 0 for name, gate in gates.gates.items())
    metadata = patchskip.load(demo / "delta.patchskip.onnx").metadata
    rows = {row["name"]: (pytest.approx(row["threshold"]), row["cell"]) for row in metadata["gates"]}
    assert {name: (gate.threshold, gate.cell) for name, gate in gates.gates.items()} == rows


@pytest.mark.parametrize("cell", [1, 2, 4, 8, 16])
def test_other_cells(gates, demo, cell, tmp_path):
    """The picture's reference gets a value for each cell; with no thresholds to speak of nothing else changes."""
    small = {name: replace(gate, threshold=1e-9) for name, gate in gates.gates.items()}
    other = {name: replace(gate, cell=min(cell, gates.patches[name])) for name, gate in small.items()}
    assert Gates(gates.model(other)).gates["images"].cell == cell
    expected, found = (streamed(gates.model(one), demo, tmp_path / "m.patchskip.onnx") for one in (small, other))
    assert np.array_equal(found[0], expected[0])
    for name, value in expected[1].items():
        assert np.array_equal(found[1][name], value)


def test_larger_thresholds_compute_less(gates, demo, tmp_path):
    shares = []
    for factor in (0.1, 1, 10):
        settings = {name: replace(gate, threshold=factor * gate.threshold) for name, gate in gates.gates.items()}
        shares.append(streamed(gates.model(settings), demo, tmp_path / "m.patchskip.onnx")[0][1:].mean())
    assert shares[0] > shares[1] > shares[2]


def test_a_gates_file_of_another_network(gates):
    values = {name: Gate(1.0) for name in gates.gates}
    assert gates.given(values, "g.npz")["images"].threshold == 1
    for wrong in (
        {**values, "Conv_1": Gate(1.0)},
        {"images": Gate(1.0)},
        {**values, "images": Gate(float("nan"))},
        {**values, "images": Gate(1.0, 3)},
    ):
        with pytest.raises(PatchskipError, match="g.npz"):
            gates.given(wrong, "g.npz")


def test_a_model_without_gates(demo):
    with pytest.raises(PatchskipError, match="no gates"):
        Gates(onnx.load(demo / "exact.patchskip.onnx"))
