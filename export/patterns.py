"""Small groups of standard nodes that are one operator: SiLU, HardSwish, pools of pools, sums."""

from __future__ import annotations

import numpy as np

from .graph import PSEUDO, Graph, Node


def match_activations(graph: Graph) -> bool:
    changed = False
    for node in list(graph.nodes):
        if node.domain or node.op_type not in ("Mul", "Div") or len(node.inputs) != 2:
            continue
        match = _silu(graph, node) or _hard_swish(graph, node) or _hard_sigmoid(graph, node)
        if match is not None and match.inputs[0] in graph.shapes:
            graph.replace(node, match)
            graph.prune()
            changed = True
    return changed


def _silu(graph: Graph, node: Node) -> Node | None:
    """x * sigmoid(x)"""
    if node.op_type != "Mul":
        return None
    for x, gate in (node.inputs, node.inputs[::-1]):
        made = graph.producer(gate)
        if made is not None and made.inputs[:1] == [x] and not made.domain and made.op_type == "Sigmoid":
            return Node("SiLU", [x], node.outputs, {}, node.name, PSEUDO, (made, node))
        if made is not None and made.inputs[:1] == [x] and made.op_type == "HardSigmoid" and _is_sixth(made):
            return Node("HardSwish", [x], node.outputs, {}, node.name, PSEUDO, (*(made.originals or (made,)), node))
    return None


def _is_sixth(node: Node) -> bool:
    return bool(np.isclose(node.get("alpha", 0.2), 1 / 6) and np.isclose(node.get("beta", 0.5), 0.5))


def _hard_swish(graph: Graph, node: Node) -> Node | None:
    """x * clip(x + 3, 0, 6) / 6, multiplied before it is divided"""
    if not _divides_by_six(graph, node):
        return None
    product = graph.producer(_variable(graph, node))
    if product is None or product.domain or product.op_type != "Mul" or graph.only_user(product.output) is not node:
        return None
    for x, gate in (product.inputs, product.inputs[::-1]):
        relu6 = _relu6_of_x_plus_3(graph, gate)
        if relu6 is not None and relu6[0] == x:
            return Node("HardSwish", [x], node.outputs, {}, node.name, PSEUDO, (*relu6[1], product, node))
    return None


def _hard_sigmoid(graph: Graph, node: Node) -> Node | None:
    """clip(x + 3, 0, 6) / 6"""
    relu6 = _relu6_of_x_plus_3(graph, _variable(graph, node)) if _divides_by_six(graph, node) else None
    if relu6 is None:
        return None
    attributes = {"alpha": 1 / 6, "beta": 0.5}
    return Node("HardSigmoid", [relu6[0]], node.outputs, attributes, node.name, PSEUDO, (*relu6[1], node))


def _variable(graph: Graph, node: Node) -> str:
    return next((name for name in node.inputs if name not in graph.constants), "")


def _divides_by_six(graph: Graph, node: Node) -> bool:
    value = _scalar(graph, node.inputs[1])
    if node.op_type == "Div":
        return value == 6
    other = _scalar(graph, node.inputs[0])
    return any(v is not None and np.isclose(v, 1 / 6, rtol=1e-5) for v in (value, other))


def _relu6_of_x_plus_3(graph: Graph, tensor: str) -> tuple[str, tuple[Node, Node]] | None:
    clip = graph.producer(tensor)
    if clip is None or clip.domain or clip.op_type != "Clip":
        return None
    low, high = graph.parameter(clip, "min", 1), graph.parameter(clip, "max", 2)
    add = graph.producer(clip.inputs[0])
    if low is None or high is None or (float(low), float(high)) != (0, 6) or add is None or add.op_type != "Add":
        return None
    if 3 not in [_scalar(graph, name) for name in add.inputs]:
        return None
    return _variable(graph, add), (add, clip)


def _scalar(graph: Graph, name: str) -> float | None:
    value = graph.constant(name)
    return float(value.reshape(-1)[0]) if value is not None and value.size == 1 else None


def cascade_pools(graph: Graph) -> bool:
    """Max pools of one tensor with kernels 5, 9, 13 (SPP): each is a 5x5 of the one before, bit for bit."""
    groups: dict[str, dict[int, Node]] = {}
    for node in graph.nodes:
        side = _same_pool(node)
        if side:
            groups.setdefault(node.inputs[0], {})[side] = node
    changed = False
    for pools in groups.values():
        sides = sorted(pools)
        for smaller, side in zip(sides, sides[1:]):
            step = side - smaller + 1
            attributes = {"kernel_shape": [step, step], "pads": [step // 2] * 4, "strides": [1, 1]}
            node = pools[side]
            graph.replace(node, Node("MaxPool", [pools[smaller].output], node.outputs, attributes, node.name))
            changed = True
    if changed:
        _sort(graph)
    return changed


def _same_pool(node: Node) -> int:
    """The side of a square max pool of stride 1 that keeps the size; 0 for anything else."""
    if node.op_type != "MaxPool" or node.domain or len(node.outputs) > 1 or node.get("ceil_mode", 0):
        return 0
    side = node.get("kernel_shape")[0]
    whole = (
        node.get("kernel_shape") == [side, side]
        and side % 2
        and set(node.get("strides", [1])) == {1}
        and set(node.get("dilations", [1])) == {1}
        and node.get("pads") == [side // 2] * 4
    )
    return side if whole else 0


def _sort(graph: Graph) -> None:
    """A pool may have come before the smaller one it now reads."""
    made = {name for node in graph.nodes for name in node.outputs}
    ready: set[str] = set()
    rest, ordered = graph.nodes, []
    while rest:
        waiting = []
        for node in rest:
            if all(name in ready or name not in made for name in node.reads()):
                ordered.append(node)
                ready.update(node.outputs)
            else:
                waiting.append(node)
        rest = waiting
    graph.nodes = ordered
    graph.touch()


def split_sums(graph: Graph) -> bool:
    """Sum of several is Add after Add."""
    changed = False
    for node in list(graph.nodes):
        if node.op_type != "Sum" or node.domain or len(node.inputs) < 2:
            continue
        if any(graph.shapes.get(name) != graph.shapes.get(node.output) for name in node.inputs):
            continue
        total, parts = node.inputs[0], []
        for name in node.inputs[1:-1]:
            partial = graph.add_tensor(node.output + ".part", node.output)
            parts.append(Node("Add", [total, name], [partial], {}, node.name))
            total = partial
        graph.replace(node, *parts, Node("Add", [total, node.inputs[-1]], node.outputs, {}, node.name))
        changed = True
    return changed
