"""What is known before the first frame is computed now, and what computes nothing is taken out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from .graph import Graph, Node

_RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli")
_LARGEST = 1 << 24  # elements a folded constant may have


def evaluate(graph: Graph, nodes: list[Node], target: str, feeds: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Run standard `nodes` on `feeds` and the graph's constants; None when onnx.reference cannot."""
    values: dict[str, np.ndarray] = dict(feeds)
    values.update((n, graph.constants[n]) for node in nodes for n in node.reads() if n in graph.constants)
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in values.items()
    ]
    output = helper.make_tensor_value_info(target, TensorProto.UNDEFINED, None)
    proto = helper.make_graph([node.proto() for node in nodes], "constant", inputs, [output])
    opsets = [helper.make_opsetid(domain, version) for domain, version in graph.opsets.items()]
    try:
        return np.asarray(ReferenceEvaluator(helper.make_model(proto, opset_imports=opsets)).run([target], values)[0])  # type: ignore[index]
    except Exception:  # whatever onnx.reference lacks is left for the runtime to compute
        return None


def fold_constants(graph: Graph) -> bool:
    """Nodes that depend on constants or on fixed shapes alone become constants."""
    changed, value = False, None
    for node in list(graph.nodes):
        if node.domain or node.op_type in _RANDOM or len(node.outputs) != 1 or node.output in graph.outputs:
            continue
        if node.op_type in ("Shape", "Size") and node.inputs[0] in graph.shapes:
            shape = np.array(graph.shapes[node.inputs[0]], np.int64)
            start, end = node.get("start", 0), node.get("end", len(shape))
            value = shape[start:end] if node.op_type == "Shape" else np.asarray(np.prod(shape, dtype=np.int64))
        elif all(name in graph.constants for name in node.reads()):
            value = evaluate(graph, [node], node.output, {})
        else:
            continue
        if value is None or value.size > _LARGEST or value.dtype == object:
            continue
        graph.constants[node.output] = value
        graph.nodes.remove(node)
        changed = True
    graph.touch()
    return changed


def remove_no_ops(graph: Graph) -> bool:
    changed = False
    for node in list(graph.nodes):
        if not node.domain and _does_nothing(graph, node):
            changed |= graph.remove(node)
    return changed


def _does_nothing(graph: Graph, node: Node) -> bool:
    if any(graph.users(name) or name in graph.outputs for name in node.outputs[1:]):
        return False
    if node.op_type == "Identity":
        return node.inputs[0] not in graph.constants or node.output not in graph.outputs
    if node.op_type == "Dropout":
        training = graph.parameter(node, "training_mode", 2, 0)
        return training is not None and not np.any(training)
    if node.op_type in ("Sum", "Concat", "Max", "Min", "Mean"):
        return len(node.inputs) == 1
    before, after = graph.shapes.get(node.inputs[0] if node.inputs else ""), graph.shapes.get(node.output)
    if before is None or before != after or graph.types.get(node.inputs[0]) != graph.types.get(node.output):
        return False
    if node.op_type in ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "Expand"):
        return True
    if node.op_type == "Transpose":
        moved = [axis for axis in node.get("perm", range(len(before))[::-1]) if before[axis] != 1]
        return moved == sorted(moved)
    if node.op_type == "Slice":  # as long as before: reversed, or whole
        steps = graph.parameter(node, "steps", 4, [1])
        return steps is not None and all(step > 0 for step in steps)
    if node.op_type == "Pad":
        pads = graph.parameter(node, "pads", 1)
        return pads is not None and not np.any(pads)
    return False
