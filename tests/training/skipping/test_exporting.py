"""Which gates are trained, what they begin with, and how they come back into an export."""

import numpy as np
import pytest
import torch

from patchskip.benchmarks.demo_clip import DemoClip
from patchskip.benchmarks.demo_network import build
from patchskip.export import Gate, analyse, gate_file
from patchskip.runtime.errors import PatchskipError
from patchskip.training.skipping.exporting import gates_of, set_thresholds, trainable

SIZE = (96, 128)


@pytest.fixture
def analysis():
    return analyse(build(SIZE), input="u8")


def test_gates_go_to_a_file_and_back(analysis, rng, tmp_path):
    network = trainable(analysis, None, "")
    first, second = (torch.from_numpy(frame[None].copy()) for frame in DemoClip(2, SIZE))
    with torch.no_grad():
        set_thresholds(network, network(first, {}).features)
        for name in network.gate_names:
            weights = network.gate(name).log_weights
            weights.copy_(torch.from_numpy(rng.normal(0, 0.3, len(weights))))
        gate_file.write(str(tmp_path / "gates.npz"), gates_of(network, dict.fromkeys(network.gate_names, 0.5), 0.99))
        again = trainable(analysis, gate_file.read(str(tmp_path / "gates.npz")), "gates.npz")
        assert again.gate_names == network.gate_names
        for one, other in zip(run(network, first, second), run(again, first, second)):
            torch.testing.assert_close(one, other)
    for gate in gate_file.read(str(tmp_path / "gates.npz")).values():
        assert np.mean(gate.weights) == pytest.approx(1)


def run(network, first, second):
    found = network(second, network(first, {}).state)
    return found.active_macs, found.outputs["output"]


def test_gates_that_let_everything_pass_are_left_out(analysis):
    network = trainable(analysis, None, "")
    passing = dict.fromkeys(network.gate_names, 1.0)
    assert list(gates_of(network, passing, 0.99)) == ["images"]
    kept = network.gate_names[-1]
    assert set(gates_of(network, {**passing, kept: 0.3}, 0.99)) == {"images", kept}


def test_gates_of_another_network(analysis):
    with pytest.raises(PatchskipError, match="START.npz do.* not fit this network: .*Conv_7"):
        trainable(analysis, {"images": Gate(1.0), "Conv_7": Gate(1.0)}, "START.npz")
    with pytest.raises(PatchskipError, match="START.npz: images has weights .5.; the tensor has 3 channels"):
        trainable(analysis, {"images": Gate(1.0, 4, np.ones(5, np.float32))}, "START.npz")
