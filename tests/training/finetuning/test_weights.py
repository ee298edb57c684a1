"""The layers' own weights, trained towards a network's outputs."""

import numpy as np
import pytest
import torch
from onnx import numpy_helper

from patchskip.benchmarks.demo_clip import DemoClip
from patchskip.benchmarks.demo_network import build
from patchskip.export import Gate, analyse
from patchskip.training.finetuning.weights import with_weights
from patchskip.training.processes import Processes
from patchskip.training.sequences import Clip
from patchskip.training.skipping.exporting import trainable
from patchskip.training.trainer import STEPS, Plan, Trainer, of_layers

SIZE = (96, 128)


def test_weights_come_back_into_an_export(rng):
    gates = {"images": Gate(0.1, 4)}
    network = trainable(analyse(build(SIZE), input="u8"), gates, "")
    with torch.no_grad():
        for weight in network.weights().values():
            weight.copy_(torch.from_numpy(rng.standard_normal(weight.shape).astype(np.float32)))
    model = analyse(build((64, 96)), input="u8").emit(gates)
    tuned = with_weights(model, network)
    names = [tensor.name for tensor in tuned.graph.initializer]
    assert names == [tensor.name for tensor in model.graph.initializer] and set(network.weights()) <= set(names)
    for tensor in tuned.graph.initializer:
        if tensor.name in network.weights():
            np.testing.assert_array_equal(
                numpy_helper.to_array(tensor), network.weights()[tensor.name].detach().numpy()
            )


def test_weights_of_float16_stay_so(rng):
    gates = {"images": Gate(0.1, 4)}
    analysis = analyse(build(SIZE), input="u8", weights="float16")
    network = trainable(analysis, gates, "")
    with torch.no_grad():
        for weight in network.weights().values():
            weight.copy_(torch.from_numpy(rng.standard_normal(weight.shape).astype(np.float32)))
    for tensor in with_weights(analysis.emit(gates), network).graph.initializer:
        value, given = numpy_helper.to_array(tensor), network.weights().get(tensor.name)
        if given is not None:
            wanted = given.half().float() if value.ndim == 4 else given
            np.testing.assert_array_equal(value, wanted.detach().numpy())


@pytest.mark.slow
def test_it_comes_nearer_to_the_dense_network(rng):
    """From weights that were disturbed, under a gate that lets everything pass."""
    analysis = analyse(build(SIZE), input="u8", halo="full")
    network, dense = (trainable(analysis, {"images": Gate(1e-6, 4)}, "") for _ in range(2))
    with torch.no_grad():
        for weight in network.weights().values():
            weight.mul_(torch.from_numpy(1 + 0.01 * rng.standard_normal(weight.shape).astype(np.float32)))
    network.free_weights()
    clip = Clip("demo", np.stack(list(DemoClip(20, SIZE))))
    plan = Plan(rounds=5, streams=2, seed=0, target=None, weight=0.0, contrast=0.0)
    trainer = Trainer(network, dense, of_layers(network, 3e-4), [clip], SIZE, plan, Processes())
    before = trainer.measure(1)
    trainer.begin(magnitudes=False)
    trainer.run(lambda number, entry: None)
    assert len(trainer.log) == 5 and STEPS == 5
    assert 0 < trainer.measure(1).distance < 0.7 * before.distance
    assert before.active == pytest.approx(1, abs=0.05)
    assert not any(parameter.requires_grad for parameter in network.gates.parameters())
