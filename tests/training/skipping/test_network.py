"""An exported model as a module gives what the runtime gives, frame by frame, and gradients besides."""

from itertools import islice

import numpy as np
import onnx
import pytest
import torch

import patchskip
from patchskip.benchmarks.demo_clip import DemoClip
from patchskip.benchmarks.demo_network import build
from patchskip.export import Gate, analyse
from patchskip.export.gate_file import cell_within
from patchskip.export.loading import load
from patchskip.plugins import library
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.preprocess import Preprocess
from patchskip.runtime.sources import open_source
from patchskip.training.skipping.network import SkipNetwork

SIZE = (128, 160)


def gated(network, size, rng, share, **options):
    """The export with a gate wherever one can be, of random weights, at a share of the magnitudes."""
    analysis = analyse(network, input_size=size, input="u8", **options)
    relative = analysis.relative_gates(share)
    gates = {}
    for name, shape in {
        **{entry.tensor: (*entry.shape[2:], entry.shape[1]) for entry in analysis.entries},
        **{layer.name: layer.shape[1:] for layer in analysis.candidates()},
    }.items():
        if name in relative:
            cell = cell_within(analysis.patch_of(shape[:2]), 4)
            gates[name] = Gate(relative[name].threshold, cell, rng.uniform(0.2, 2, shape[2]).astype(np.float32))
    return analysis.emit(gates)


def compare(model, network, frames, tmp_path):
    """Two streams side by side in the module, the second mirrored: the first is as the runtime's.

    Errors are measured over a whole output: a network amplifies the rounding of a few values (on yolox_nano one of
    190,000 differs by 1e-4 from float64's in any float32 evaluation), while a single patch decided otherwise is a
    hundred times the bound.
    """
    onnx.save(model, tmp_path / "model.onnx")
    loaded = patchskip.load(str(tmp_path / "model.onnx"), threads=1)
    stream, state = loaded.stream(), {}
    for number, frame in enumerate(frames):
        found = network(torch.from_numpy(np.stack([frame, frame[:, ::-1]])), state)
        state = {name: value.detach() for name, value in found.state.items()}
        expected = stream.infer({loaded.inputs[0]["name"]: np.ascontiguousarray(frame[None])})
        assert abs(float(found.active_macs[0].detach()) - stream.stats["active_macs"]) < 1e-5, number
        for name, value in expected.items():
            values = found.outputs[name][0].detach().numpy()
            assert np.linalg.norm(values - value[0]) <= 2e-5 * np.linalg.norm(value), (number, name)
    return stream.stats["active_macs"]


@pytest.fixture
def native():
    try:
        library.isas()
    except PatchskipError as error:
        pytest.skip(f"{error}")


@pytest.mark.parametrize("halo, patch", [("none", 16), ("none", 8), ("full", 16)])
def test_frames_are_the_runtimes(native, rng, tmp_path, halo, patch):
    model = gated(build(SIZE), SIZE, rng, 0.3, halo=halo, patch=patch)
    active = compare(model, SkipNetwork(model), list(DemoClip(8, SIZE)), tmp_path)
    assert 0.01 < active < 0.9


def test_frames_that_the_model_resizes(native, rng, tmp_path):
    frame = (80, 100)
    model = gated(build(SIZE), SIZE, rng, 0.3, frame_size=frame)
    active = compare(model, SkipNetwork(model), list(DemoClip(8, frame)), tmp_path)
    assert 0.005 < active < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name, size", [("yolox_nano_416.onnx", (288, 384)), ("movenet_lightning_192.onnx", None)])
def test_networks(native, data, rng, tmp_path, name, size):
    model = gated(load(data / "weights" / name), size, rng, 0.15)
    network = SkipNetwork(model)
    _, height, width, _ = network.metadata["inputs"][0]["shape"]
    fit = Preprocess(network.metadata["inputs"][0], network.metadata["preprocess"])
    source = open_source(str(data / "videos" / "one-by-one-person-detection.mp4"))
    frames = [fit(frame)[0].copy() for frame in islice(source, 0, 320, 40)]  # the clip begins with an empty room
    assert frames[0].shape == (height, width, 3)
    assert 0.01 < compare(model, network, frames, tmp_path) < 0.9


def test_gradients(rng):
    network = SkipNetwork(gated(build(SIZE), SIZE, rng, 0.05))
    frames = [torch.from_numpy(np.stack([frame, frame[::-1]])) for frame in DemoClip(3, SIZE)]
    with torch.no_grad():
        state = network(frames[0], {}).state
    loss = torch.zeros(())
    for frame in frames[1:]:
        found = network(frame, state)
        state = found.state
        loss = loss + found.active_macs.mean() + found.outputs["output"].square().mean()
    loss.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
    # A gate that no changed patch has come to has none.
    assert sum(bool(network.gate(name).log_threshold.grad) for name in network.gate_names) > len(network.gates) / 2


def test_larger_thresholds_cost_less(rng):
    network = SkipNetwork(gated(build(SIZE), SIZE, rng, 0.1))
    first, second = (torch.from_numpy(frame[None].copy()) for frame in DemoClip(2, SIZE))
    state = network(first, {}).state
    macs = network(second, state).active_macs
    macs.sum().backward()
    assert all(network.gate(name).log_threshold.grad <= 0 for name in network.gate_names)
    for name in network.gate_names:
        network.gate(name).set_threshold(1e9)
    assert network(second, state).active_macs < macs


def test_state_resets(rng):
    network = SkipNetwork(gated(build(SIZE), SIZE, rng, 0.3))
    frame, other = (torch.from_numpy(frame[None].copy()) for frame in DemoClip(2, SIZE))
    with torch.no_grad():
        first = network(frame, {})
        assert float(first.active_macs) == pytest.approx(1)
        network(other, first.state)
        again = network(frame, {})
        assert torch.equal(first.outputs["output"], again.outputs["output"])


def test_an_operator_that_training_does_not_know(rng):
    network = build(SIZE)
    node = network.graph.node.add(op_type="Erf", input=["output"], output=["erf"], name="strange")
    network.graph.output[0].name = node.output[0]
    with pytest.raises(PatchskipError, match="strange is Erf, which training does not know"):
        SkipNetwork(gated(network, SIZE, rng, 0.3))
    with pytest.raises(PatchskipError, match="no gates to train"):
        SkipNetwork(analyse(build(SIZE), input="u8").emit())
