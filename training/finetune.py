"""A short training of the network's weights under gates that are final, towards the outputs that it had without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx
from onnx import numpy_helper

from patchskip.export import Analysis, Gate

from .course import Course
from .processes import Processes
from .sequences import Clip
from .skipping.exporting import trainable
from .skipping.network import SkipNetwork
from .trainer import Measured, Plan, Trainer, of_layers


def finetune(
    analysis: Analysis,
    gates: Mapping[str, Gate],
    clips: Sequence[Clip],
    crop: tuple[int, int],
    plan: Plan,
    processes: Processes,
    course: Course,
    rounds: int,
) -> tuple[SkipNetwork, Measured, Measured]:
    """-> the network with its new weights, and what `rounds` rounds measure before and after. Raises Diverged."""
    network, dense = (trainable(analysis, gates, "the gates") for _ in range(2))
    network.free_weights()
    trainer = Trainer(network, dense, of_layers(network), clips, crop, plan, processes)
    before = trainer.measure(rounds)
    course.follow(trainer, plan.rounds)
    return network, before, trainer.measure(rounds)


def with_weights(model: onnx.ModelProto, network: SkipNetwork) -> onnx.ModelProto:
    """An export of the same network, of any size, with the trained weights in the place of its own."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    weights = network.weights()
    for tensor in result.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(numpy_helper.from_array(weights[tensor.name].detach().cpu().numpy(), tensor.name))
    return result
