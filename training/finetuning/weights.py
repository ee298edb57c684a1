"""The training of a network's weights under gates that stay as they are, towards the outputs that it had without them.

The gates decide as they will; that their decisions have gradients, and multiplications a price, teaches the layers to
let rest what does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from onnx import numpy_helper

from patchskip.export.half import rounded
from patchskip.export.metadata import metadata_of, set_metadata
from patchskip.training.course import Course
from patchskip.training.processes import Processes
from patchskip.training.sequences import Clip
from patchskip.training.skipping.network import SkipNetwork
from patchskip.training.trainer import Measured, Plan, Trainer, of_layers


@dataclass(frozen=True)
class Tuned:
    """The model with its new weights, and what it measures on sequences that were not trained on, before and after.

    price: of the multiplications made before, in the training's end.
    """

    model: onnx.ModelProto
    before: Measured
    after: Measured
    price: float

    @property
    def better(self) -> bool:
        """Is it nearer to the dense network by more than its multiplications cost, or cheaper by more than it is
        further off?
        """
        dearer = self.price * (self.after.active / self.before.active - 1)
        return self.after.distance + dearer < self.before.distance


def finetune(
    model: onnx.ModelProto,
    clips: Sequence[Clip],
    plan: Plan,
    rate: float,
    processes: Processes,
    course: Course,
    rounds: int,
) -> Tuned:
    """model: what `patchskip export --gate delta --input u8` wrote. rate: see of_layers. rounds: to measure on.

    Raises Diverged, and PatchskipError for a model that training does not know.
    """
    network, dense = (SkipNetwork(model) for _ in range(2))
    network.free_weights()
    size = network.metadata["inputs"][0]["shape"][1:3]
    trainer = Trainer(network, dense, of_layers(network, rate), clips, (size[0], size[1]), plan, processes)
    before = trainer.measure(rounds)
    course.follow(trainer, plan.rounds)
    return Tuned(with_weights(model, network), before, trainer.measure(rounds), trainer.price)


def with_weights(model: onnx.ModelProto, network: SkipNetwork) -> onnx.ModelProto:
    """The model with the network's weights in the place of its own, rounded as its own were."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    weights, half = network.weights(), network.metadata.get("weights") == "float16"
    for tensor in result.graph.initializer:
        if tensor.name in weights:
            value = weights[tensor.name].detach().cpu().numpy()
            if half and value.ndim == 4:
                value = rounded(value)
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    set_metadata(result, {**metadata_of(result), "finetuned": True})
    return result
