"""The few standard operators that stay dense around PatchSkip nodes: what only rearranges or scales the outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx
import torch

from patchskip.runtime.errors import PatchskipError


def step(node: onnx.NodeProto, attributes: Mapping) -> Callable:
    """-> what computes the node's output in a run. Raises PatchskipError on another operator."""
    if node.op_type not in OPERATORS:
        raise PatchskipError(
            f"the node {node.name or node.output[0]} is {node.op_type}, which training does not know; cut the network "
            "before it"
        )
    compute = OPERATORS[node.op_type]

    def run(frame) -> None:
        inputs = [frame.as_in_model(name) for name in node.input if name]
        frame.values[node.output[0]] = compute(inputs, attributes)

    return run


OPERATORS: dict[str, Callable] = {
    "Identity": lambda inputs, attributes: inputs[0],
    "Sigmoid": lambda inputs, attributes: inputs[0].sigmoid(),
    "Softmax": lambda inputs, attributes: inputs[0].softmax(attributes.get("axis", -1)),
    "Concat": lambda inputs, attributes: torch.cat(inputs, attributes["axis"]),
    "Transpose": lambda inputs, attributes: inputs[0].permute(attributes["perm"]),
    "Reshape": lambda inputs, attributes: inputs[0].reshape([len(inputs[0]), *inputs[1].tolist()[1:]]),
}
