"""BatchNormalization, constant Mul, Add, Sub, Div and zero padding go into the convolution beside them."""

from __future__ import annotations

import numpy as np

from .graph import Graph, Node

_ARITHMETIC = ("Mul", "Add", "Sub", "Div")


def fold_affine(graph: Graph) -> bool:
    """y = x * scale + shift for each channel: into the convolution that makes x, else a depthwise 1x1 of its own."""
    changed = False
    for node in list(graph.nodes):
        found = None if node.domain else _affine(graph, node)
        if found is None:
            continue
        x, scale, shift = found
        conv = graph.producer(x)
        if conv is not None and _has_constant_weights(graph, conv) and graph.only_user(x) is node:
            graph.replace(node, _scaled(graph, conv, node.outputs, scale, shift))
            graph.prune()
        else:
            weight = graph.add_constant(node.output + ".scale", scale.astype(np.float32)[:, None, None, None])
            bias = graph.add_constant(node.output + ".shift", shift.astype(np.float32))
            attributes = {"kernel_shape": [1, 1], "group": len(scale)}
            graph.replace(node, Node("Conv", [x, weight, bias], [node.output], attributes, node.name))
        changed = True
    return changed


def _affine(graph: Graph, node: Node) -> tuple[str, np.ndarray, np.ndarray] | None:
    """-> x, scale float64 [C], shift float64 [C]."""
    if not node.outputs or not graph.is_image(node.output):
        return None
    if node.op_type == "BatchNormalization":
        return _batch_normalization(graph, node)
    if node.op_type not in _ARITHMETIC or len(node.inputs) != 2:
        return None
    variable = [name for name in node.inputs if name not in graph.constants]
    if len(variable) != 1 or graph.shapes.get(variable[0]) != graph.shapes[node.output]:
        return None
    x = variable[0]
    first = node.inputs[0] == x
    value = _per_channel(graph.constants[node.inputs[1 if first else 0]], graph.shapes[x][1])
    if value is None or node.op_type == "Div" and not first:
        return None
    one, zero = np.ones_like(value), np.zeros_like(value)
    with np.errstate(divide="ignore"):
        return {
            "Mul": (x, value, zero),
            "Add": (x, one, value),
            "Div": (x, 1 / value, zero),
            "Sub": (x, one, -value) if first else (x, -one, value),
        }[node.op_type]


def _batch_normalization(graph: Graph, node: Node):
    parameters = [graph.constants[name] for name in node.inputs[1:5] if name in graph.constants]
    channels = graph.shapes[node.output][1]
    if [p.shape for p in parameters] != [(channels,)] * 4 or node.get("training_mode", 0):
        return None
    gamma, beta, mean, variance = (p.astype(np.float64) for p in parameters)
    scale = gamma / np.sqrt(variance + node.get("epsilon", 1e-5))
    return node.inputs[0], scale, beta - mean * scale


def _per_channel(value: np.ndarray, channels: int) -> np.ndarray | None:
    """A constant that does not vary over the picture -> float64 [C]; None when it does."""
    if value.ndim > 4 or value.dtype != np.float32:
        return None
    shape = (1,) * (4 - value.ndim) + value.shape
    if shape[0] != 1 or shape[2:] != (1, 1) or shape[1] not in (1, channels):
        return None
    return np.broadcast_to(value.reshape(-1).astype(np.float64), (channels,)).copy()


def _has_constant_weights(graph: Graph, node: Node) -> bool:
    return (
        node.op_type in ("Conv", "ConvTranspose", "DeformConv")
        and not node.domain
        and all(name in graph.constants for name in _weight_names(node))
        and graph.constants[node.inputs[1]].dtype == np.float32
    )


def _weight_names(conv: Node) -> list[str]:
    """Of the weights and, if there is one, the bias."""
    at = 3 if conv.op_type == "DeformConv" else 2
    return [conv.inputs[1], *filter(None, conv.inputs[at : at + 1])]


def _scaled(graph: Graph, conv: Node, outputs: list[str], scale: np.ndarray, shift: np.ndarray) -> Node:
    weight, *given = (graph.constants[name].astype(np.float64) for name in _weight_names(conv))
    bias = given[0] if given else 0.0
    if conv.op_type != "ConvTranspose":
        weight = weight * scale[:, None, None, None]
    else:  # [C, M/group, kh, kw]: the outputs of group g are the second axis of its inputs' rows
        per_group = scale.reshape(conv.get("group", 1), 1, weight.shape[1], 1, 1)
        weight = (weight.reshape(per_group.shape[0], -1, *weight.shape[1:]) * per_group).reshape(weight.shape)
    names = [
        graph.add_constant(outputs[0] + suffix, value.astype(np.float32))
        for suffix, value in ((".weight", weight), (".bias", bias * scale + shift))
    ]
    if conv.op_type == "DeformConv":  # X, W, offset, B, mask
        names = [names[0], conv.inputs[2], names[1], *conv.inputs[4:]]
    return Node(conv.op_type, [conv.inputs[0], *names], outputs[:1], dict(conv.attributes), conv.name)


def fold_padding(graph: Graph) -> bool:
    """Zero padding of rows and columns goes into the convolutions and pools that read it, one by one."""
    changed = False
    for pad in list(graph.nodes):
        margins = _zero_margins(graph, pad) if pad.op_type == "Pad" and not pad.domain else None
        if margins is None:
            continue
        for user in graph.users(pad.output):
            padded = _padded(graph, pad, user, margins)
            if padded is not None:
                graph.replace(user, padded)
                changed = True
        if graph.users(pad.output) or pad.output in graph.outputs:
            # Somebody reads the zeros themselves: a depthwise convolution by 1 makes them.
            channels = graph.shapes[pad.output][1]
            weight = graph.add_constant(pad.output + ".one", np.ones((channels, 1, 1, 1), np.float32))
            attributes = {"kernel_shape": [1, 1], "group": channels, "pads": margins}
            graph.replace(pad, Node("Conv", [pad.inputs[0], weight], pad.outputs, attributes, pad.name))
            changed = True
    graph.prune()
    return changed


def _zero_margins(graph: Graph, pad: Node) -> list[int] | None:
    """-> [top, left, bottom, right] when that is all the node adds."""
    pads, value = graph.parameter(pad, "pads", 1), graph.parameter(pad, "value", 2, 0.0)
    if not graph.is_image(pad.output) or pads is None or value is None or np.any(value) or len(pads) != 8:
        return None
    if pad.get("mode", "constant") != "constant" or len(pad.inputs) > 3 and pad.inputs[3]:
        return None
    pads = [int(n) for n in pads]
    if any((pads[0], pads[1], pads[4], pads[5])) or min(pads) < 0:
        return None
    return [pads[2], pads[3], pads[6], pads[7]]


def _padded(graph: Graph, pad: Node, user: Node, margins: list[int]) -> Node | None:
    if user.domain or user.inputs[0] != pad.output or user.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        return None
    if pad.output in user.inputs[1:]:
        return None
    own = user.get("pads", [0, 0, 0, 0])
    attributes = {k: v for k, v in user.attributes.items() if k != "auto_pad"}
    if user.op_type == "AveragePool":
        # The zeros count as pixels: they can be the pool's own only if those count too.
        if any(own) and not user.get("count_include_pad", 0) or user.get("ceil_mode", 0):
            return None
        attributes["count_include_pad"] = 1
    elif user.op_type == "MaxPool":
        # A pool's own padding is minus infinity: the same where nothing is below 0 and no window is all padding.
        kernel = user.get("kernel_shape")
        if any(own) or not _not_negative(graph, pad.inputs[0]) or user.get("ceil_mode", 0):
            return None
        if any(m >= k for m, k in zip(margins, kernel * 2)) or len(user.outputs) > 1:
            return None
    elif user.op_type != "Conv":
        return None
    attributes["pads"] = [a + b for a, b in zip(own, margins)]
    return Node(user.op_type, [pad.inputs[0], *user.inputs[1:]], user.outputs, attributes, user.name)


def _not_negative(graph: Graph, tensor: str) -> bool:
    node = graph.producer(tensor)
    if node is None:
        return False
    if node.op_type == "Clip":
        low = graph.parameter(node, "min", 1, -1.0)
        return low is not None and float(low) >= 0
    return node.op_type in ("Relu", "Sigmoid", "HardSigmoid")
