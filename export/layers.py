"""Which ONNX node becomes which PatchSkip layer: one function an operator, one line in a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from onnx import TensorProto

from .graph import PSEUDO, Graph, Node


class NotLocal(Exception):
    """Why a node stays as it is."""


@dataclass(eq=False)
class Layer:
    """One PatchSkip node. `inputs` are activations, named as in the original network; weights come after the first, or
    after all but the residual (`own`)."""

    name: str
    op_type: str
    inputs: list[str]
    output: str
    shape: tuple[int, ...]  # of Y: [1, H, W, C], for Flatten [1, N, C], for Planes [1, C, H, W]
    size: tuple[int, int]  # of the grid's tensor in pixels: Y's, for Flatten the first input's
    attributes: dict = field(default_factory=dict)
    weights: list[np.ndarray] = field(default_factory=list)
    activation: str = "None"
    activation_params: list[float] = field(default_factory=list)
    macs: int = 0

    @property
    def own(self) -> int:
        """Activations in front of the weights."""
        several = self.op_type in ("ConcatConv", "DeformConv")
        return len(self.inputs) - ("residual" in self.attributes) if several else 1

    @property
    def leaves(self) -> bool:
        """Is Y what the user or a dense node reads, and no other layer?"""
        return self.op_type in ("Flatten", "Planes")

    @property
    def kernel(self) -> int:
        """Taps of the kernel; 1 for whatever looks at one pixel only."""
        return int(np.prod(self.attributes.get("kernel_shape", 1)))


def to_layer(graph: Graph, node: Node) -> list[Layer]:
    """The layers that compute the node's output, in order (one, but for broadcasting). Raises NotLocal."""
    maker = _PSEUDO.get(node.op_type) if node.domain == PSEUDO else _STANDARD.get(node.op_type)
    if node.domain not in ("", PSEUDO):
        raise NotLocal(f"operators of domain {node.domain} are not known")
    if maker is None:
        raise NotLocal(f"{node.op_type} is not an operator that PatchSkip evaluates patch by patch")
    for name in node.inputs if node.op_type == "Flatten" else (node.inputs[0], node.output):
        if name not in graph.constants and not graph.is_image(name):
            kind = TensorProto.DataType.Name(graph.types.get(name, 0)).lower()
            raise NotLocal(f"{name} is {kind} {list(graph.shapes.get(name, ()))}, not float [1, C, H, W]")
    return maker(graph, node)


def node_macs(graph: Graph, node: Node) -> int:
    """Multiplications of a standard node (convolutions and matrix products)."""
    if node.domain not in ("", PSEUDO) or not all(name in graph.shapes for name in node.inputs[:2] + node.outputs[:1]):
        return 0
    out = graph.shapes[node.output]
    if node.op_type in ("Conv", "DeformConv"):
        return int(np.prod(out) * np.prod(graph.shapes[node.inputs[1]][1:]))
    if node.op_type == "ConvTranspose":
        return int(np.prod(graph.shapes[node.inputs[0]]) * np.prod(graph.shapes[node.inputs[1]][1:]))
    if node.op_type == "Gemm":
        return int(np.prod(out) * graph.shapes[node.inputs[0]][0 if node.get("transA", 0) else 1])
    if node.op_type == "MatMul":
        return int(np.prod(out) * graph.shapes[node.inputs[0]][-1])
    return 0


def _layer(graph: Graph, node: Node, op_type: str, inputs: list[str] | None = None, **rest) -> Layer:
    _, channels, height, width = graph.shapes[node.output]
    inputs = node.inputs[:1] if inputs is None else inputs
    return Layer(node.label, op_type, inputs, node.output, (1, height, width, channels), (height, width), **rest)


# -- convolutions and pools


def _kernel(graph: Graph, node: Node, kernel: list[int]) -> dict:
    """kernel_shape, strides, dilations and explicit pads."""
    strides, dilations = list(node.get("strides", [1, 1])), list(node.get("dilations", [1, 1]))
    pads, automatic = list(node.get("pads", [0, 0, 0, 0])), node.get("auto_pad", "NOTSET")
    if automatic.startswith("SAME"):
        sizes = zip(graph.shapes[node.inputs[0]][2:], graph.shapes[node.output][2:], kernel, strides, dilations)
        total = [max((n_out - 1) * s + (k - 1) * d + 1 - n_in, 0) for n_in, n_out, k, s, d in sizes]
        pads = _shared(total, upper=automatic == "SAME_UPPER")
    if min(pads) < 0:
        raise NotLocal(f"negative pads {pads}")
    return {"kernel_shape": list(kernel), "strides": strides, "dilations": dilations, "pads": pads}


def _shared(total: list[int], upper: bool) -> list[int]:
    small, large = [n // 2 for n in total], [n - n // 2 for n in total]
    return small + large if upper else large + small


def _weights(graph: Graph, node: Node) -> list[np.ndarray]:
    values = [graph.constant(name) for name in node.inputs[1:] if name]
    if any(value is None for value in values):
        raise NotLocal("its weights are computed at run time")
    return [np.ascontiguousarray(value, np.float32) for value in values]


def _conv(graph: Graph, node: Node) -> list[Layer]:
    weight, *given = _weights(graph, node)
    bias = given[0] if given else np.zeros(weight.shape[0], np.float32)
    attributes = dict(_kernel(graph, node, list(weight.shape[2:])), group=node.get("group", 1))
    return [_layer(graph, node, "Conv", attributes=attributes, weights=[weight, bias], macs=node_macs(graph, node))]


def _deform_conv(graph: Graph, node: Node) -> list[Layer]:
    x, weight_name, offset, *rest = node.inputs
    bias_name, mask = (*rest, "", "")[:2]
    weight, *given = _weights(graph, Node(node.op_type, [x, weight_name, bias_name], node.outputs))
    samples = [offset, mask] if mask else [offset]
    for name in samples:
        if name in graph.constants or not graph.is_image(name):
            raise NotLocal(f"{name} is not computed at run time as float [1, C, H, W]")
    bias = given[0] if given else np.zeros(weight.shape[0], np.float32)
    groups = {name: node.get(name, 1) for name in ("group", "offset_group")}
    attributes = {**_kernel(graph, node, list(weight.shape[2:])), **groups}
    weights, macs = [weight, bias], node_macs(graph, node)
    return [_layer(graph, node, "DeformConv", [x, *samples], attributes=attributes, weights=weights, macs=macs)]


def _conv_transpose(graph: Graph, node: Node) -> list[Layer]:
    weight, *given = _weights(graph, node)
    group = node.get("group", 1)
    bias = given[0] if given else np.zeros(weight.shape[1] * group, np.float32)
    plain = Node(node.op_type, node.inputs, node.outputs, {k: v for k, v in node.attributes.items() if k != "auto_pad"})
    attributes = dict(_kernel(graph, plain, list(weight.shape[2:])), group=group)
    automatic = node.get("auto_pad", "NOTSET")
    if automatic.startswith("SAME") or node.get("output_shape"):
        extra = node.get("output_padding", [0, 0])
        sizes = zip(
            graph.shapes[node.inputs[0]][2:],
            graph.shapes[node.output][2:],
            *(attributes[name] for name in ("kernel_shape", "strides", "dilations")),
            extra,
        )
        total = [s * (n_in - 1) + e + (k - 1) * d + 1 - n_out for n_in, n_out, k, s, d, e in sizes]
        if min(total) < 0:
            raise NotLocal("its output_shape asks for more than the kernel reaches")
        attributes["pads"] = _shared(total, upper=automatic == "SAME_UPPER")
    elif automatic == "VALID":
        attributes["pads"] = [0, 0, 0, 0]
    macs = node_macs(graph, node)
    return [_layer(graph, node, "ConvTranspose", attributes=attributes, weights=[weight, bias], macs=macs)]


def _max_pool(graph: Graph, node: Node) -> list[Layer]:
    if len(node.outputs) > 1 and graph.users(node.outputs[1]):
        raise NotLocal("the pool's indices are used")
    return [_layer(graph, node, "MaxPool", attributes=_kernel(graph, node, node.get("kernel_shape")))]


def _average_pool(graph: Graph, node: Node) -> list[Layer]:
    attributes = _kernel(graph, node, node.get("kernel_shape"))
    if set(attributes["dilations"]) != {1}:
        raise NotLocal("a dilated average pool")
    attributes["count_include_pad"] = node.get("count_include_pad", 0)
    return [_layer(graph, node, "AveragePool", attributes=attributes)]


def _global_pool(graph: Graph, node: Node) -> list[Layer]:
    size = list(graph.shapes[node.inputs[0]][2:])
    attributes: dict = {"kernel_shape": size, "strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0]}
    op_type = "MaxPool" if node.op_type == "GlobalMaxPool" else "AveragePool"
    if op_type == "AveragePool":
        attributes["count_include_pad"] = 0
    return [_layer(graph, node, op_type, attributes=attributes)]


def _reduce_mean(graph: Graph, node: Node) -> list[Layer]:
    axes = graph.parameter(node, "axes", 1)
    if axes is None or sorted(int(a) % 4 for a in axes) != [2, 3] or not node.get("keepdims", 1):
        raise NotLocal("a mean over something else than rows and columns")
    return _global_pool(graph, node)


# -- resizing

_REPEAT = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
_COORDINATES = ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners")


def _resize(graph: Graph, node: Node) -> list[Layer]:
    size_in, size_out = graph.shapes[node.inputs[0]], graph.shapes[node.output]
    legacy = node.op_type == "Upsample" or graph.opset < 11
    mode = {"bilinear": "linear"}.get(node.get("mode", "nearest"), node.get("mode", "nearest"))
    coordinates = "asymmetric" if legacy else node.get("coordinate_transformation_mode", "half_pixel")
    nearest = "floor" if legacy else node.get("nearest_mode", "round_prefer_floor")
    if size_in[1] != size_out[1]:
        raise NotLocal("channels are resized")
    if mode not in ("nearest", "linear"):
        raise NotLocal(f"{mode} interpolation")
    if coordinates not in _COORDINATES:
        raise NotLocal(f"coordinate mode {coordinates}")
    if node.get("antialias", 0) or node.get("exclude_outside", 0) and mode != "nearest":
        raise NotLocal("antialias or exclude_outside")
    if node.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise NotLocal("its scale is not output / input")
    shrinks = any(o < i for i, o in zip(size_in, size_out))
    if legacy and node.op_type == "Resize" and mode == "nearest" and shrinks:
        raise NotLocal("the rounding of a shrinking Resize is not defined before opset 11")
    scales = graph.parameter(node, "scales", 1 if legacy else 2)
    if scales is not None and len(scales) == 4 and coordinates != "align_corners":
        if any(abs(i * float(s) - o) > 1e-3 for i, o, s in zip(size_in, size_out, scales)):
            raise NotLocal("the scale is not output / input")
    attributes = {"mode": mode, "coordinate_transformation_mode": coordinates, "nearest_mode": nearest}
    return [_layer(graph, node, "Resize", attributes=attributes)]


# -- pointwise


def _pair(graph: Graph, node: Node) -> list[Layer]:
    """Add or Mul; an operand that is smaller is brought to Y's shape by layers of its own, a constant right away."""
    layers, operands, weights = [], [], []
    _, channels, height, width = graph.shapes[node.output]
    for name in node.inputs:
        if name in graph.constants:
            value = np.broadcast_to(graph.constants[name], graph.shapes[node.output]).astype(np.float32)
            weights.append(np.ascontiguousarray(value.transpose(0, 2, 3, 1)))
            continue
        if not graph.is_image(name):
            raise NotLocal(f"{name} has the shape {list(graph.shapes.get(name, ()))}, not [1, C, H, W]")
        _, own_channels, *own_size = graph.shapes[name]
        if own_size != [height, width]:
            wide = graph.add_tensor(name + ".wide", name, (1, own_channels, height, width))
            shape = (1, height, width, own_channels)
            layers.append(Layer(wide, "Resize", [name], wide, shape, (height, width), dict(_REPEAT)))
            name = wide
        if own_channels != channels:
            deep = graph.add_tensor(name + ".deep", name, (1, channels, height, width))
            shape, same = (1, height, width, channels), {"channels": [0] * channels}
            layers.append(Layer(deep, "ChannelMap", [name], deep, shape, (height, width), same))
            name = deep
        operands.append(name)
    if not operands:
        raise NotLocal("all of its inputs are constants")
    return [*layers, _layer(graph, node, node.op_type, operands, weights=weights)]


def _concat(graph: Graph, node: Node) -> list[Layer]:
    if node.get("axis") % 4 != 1:
        raise NotLocal(f"joined along axis {node.get('axis')}, not on channels")
    if any(name in graph.constants for name in node.inputs):
        raise NotLocal("a constant is joined")
    return [_layer(graph, node, "Concat", list(node.inputs))]


def _channel_map(graph: Graph, node: Node) -> list[Layer]:
    return [_layer(graph, node, "ChannelMap", attributes={"channels": node.get("channels")})]


def _flatten(graph: Graph, node: Node) -> list[Layer]:
    _, _, height, width = graph.shapes[node.inputs[0]]
    return [Layer(node.label, "Flatten", list(node.inputs), node.output, graph.shapes[node.output], (height, width))]


# -- activations


def _activation(parameters: Callable[[Graph, Node], list[float]] | None = None):
    def make(graph: Graph, node: Node) -> list[Layer]:
        params = [float(v) for v in parameters(graph, node)] if parameters else []
        return [_layer(graph, node, "Identity", activation=node.op_type, activation_params=params)]

    return make


def _clip(graph: Graph, node: Node) -> list[float]:
    largest = float(np.finfo(np.float32).max)
    low, high = graph.parameter(node, "min", 1, -largest), graph.parameter(node, "max", 2, largest)
    if low is None or high is None:
        raise NotLocal("its bounds are computed at run time")
    return [float(np.reshape(low, ())), float(np.reshape(high, ()))]


def _prelu(graph: Graph, node: Node) -> list[float]:
    slope, channels = graph.constant(node.inputs[1]), graph.shapes[node.output][1]
    if slope is None:
        raise NotLocal("its slope is computed at run time")
    shape = (1,) * (4 - slope.ndim) + slope.shape
    if shape not in ((1, 1, 1, 1), (1, channels, 1, 1)):
        raise NotLocal("its slope varies over the picture")
    return list(slope.reshape(-1))


_PSEUDO = {
    "ChannelMap": _channel_map,
    "Flatten": _flatten,
    "SiLU": _activation(),
    "HardSwish": _activation(),
    "HardSigmoid": _activation(lambda graph, node: [node.get("alpha", 0.2), node.get("beta", 0.5)]),
}
_STANDARD = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DeformConv": _deform_conv,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool,
    "ReduceMean": _reduce_mean,
    "Resize": _resize,
    "Upsample": _resize,
    "Add": _pair,
    "Mul": _pair,
    "Concat": _concat,
    "Relu": _activation(),
    "Clip": _activation(_clip),
    "LeakyRelu": _activation(lambda graph, node: [node.get("alpha", 0.01)]),
    "PRelu": _activation(_prelu),
    "HardSwish": _activation(),
    "HardSigmoid": _PSEUDO["HardSigmoid"],
    "Sigmoid": _activation(),
}
