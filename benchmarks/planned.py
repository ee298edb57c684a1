"""A prepared model's nodes with their plans: what a frame asks of a GPU."""

from dataclasses import dataclass

import numpy as np

from patchskip.plugins.cuda import planning
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.model import read_metadata
from patchskip.runtime.tensorrt import onnx_file
from patchskip.runtime.tensorrt.prepare import DOMAIN, prepare

Type = tuple[tuple[int, ...], np.dtype]  # of a tensor: shape and type


@dataclass
class Node:
    """A node of ours. inputs, outputs: names; an input that is absent is ''."""

    name: str
    operator: str
    attributes: dict
    inputs: list[str]
    outputs: list[str]
    types: dict[str, Type]  # of all tensors of the model known so far
    plan: planning.Plan
    multiprocessors: int = 1  # of the GPU it is planned for

    @property
    def op_type(self):
        return self.attributes.get("op_type", self.operator)

    @property
    def state(self) -> int | None:
        """The output that takes the place of input 1: a cache or a reference."""
        if self.operator == "PatchGate":
            return 1 if len(self.outputs) > 1 else None
        return 0 if self.operator == "PatchSkip" and "shape" not in self.attributes else None

    @property
    def gated(self) -> bool:
        """Is a PatchSkip node's result compared with what is kept?"""
        return self.operator == "PatchSkip" and self.attributes.get("threshold", 0) > 0

    @property
    def own(self) -> list[Type]:
        """Types of a PatchSkip node's own activations; of a picture of bytes, not that of the words it comes as."""
        if "picture" in self.attributes:
            return [(tuple(self.attributes["picture"]), np.dtype(np.uint8))]
        end = len(self.inputs) - ("constants" in self.attributes) - (self.residual is not None)
        return [self.types[name] for name in self.inputs[2:end]]

    @property
    def residual(self) -> Type | None:
        if self.attributes.get("residual", "none") == "none":
            return None
        return self.types[self.inputs[-2 if "constants" in self.attributes else -1]]

    def launches(self):
        """-> [planning.Launch] of a frame whose states lie where the last frame's did; not to be executed."""
        addresses = {name: 256 * (i + 1) for i, name in enumerate(self.inputs + self.outputs) if name}
        if self.state is not None:
            addresses[self.inputs[1]] = addresses[self.outputs[self.state]]
        return self.plan.launches(
            [addresses.get(name) for name in self.inputs], [addresses[name] for name in self.outputs], 256
        )


@dataclass
class Planned:
    """A model prepared for a GPU. nodes: ours, in order. metadata: as in docs/op-spec.md."""

    model: onnx_file.Model
    metadata: dict
    nodes: list[Node]


def plan(data: bytes, precision: str, sm: int = 53, multiprocessors: int = 1, name="the model") -> Planned:
    """An exported model's file -> what is to be launched on a GPU of compute capability `sm` (10 * major + minor).

    Raises PatchskipError when the planner refuses a node, and when a node of ours reads what another's makes.
    """
    model = onnx_file.read(prepare(data, precision, name))
    types: dict[str, Type] = {value.name: (value.shape, value.dtype) for value in model.graph.inputs}
    for tensor in model.graph.initializers:
        types[tensor.name] = tuple(tensor.dims), onnx_file.DTYPES[tensor.data_type]
    nodes = []
    for node in model.graph.nodes:
        if node.domain != DOMAIN:
            continue
        unknown = [name for name in node.inputs if name and name not in types]
        if unknown:
            raise PatchskipError(
                f"{name}: the node {node.name} reads {unknown[0]}, which an ordinary operator makes; "
                "this takes networks that PatchSkip computes from the image on"
            )
        inputs = [types.get(name) for name in node.inputs]
        made = planning.Plan(
            node.op_type, node.attributes, inputs, len(node.outputs), sm=sm, multiprocessors=multiprocessors
        )
        types.update(zip(node.outputs, made.outputs))
        names = list(node.inputs), list(node.outputs)
        nodes.append(Node(node.name, node.op_type, node.attributes, *names, types, made, multiprocessors))
    return Planned(model, read_metadata(model.property(DOMAIN), name), nodes)
