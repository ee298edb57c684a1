"""A small detector of bright shapes, with weights that are worked out instead of trained, for the demonstration.

One channel of the backbone carries a map of brightness, averaged to 8x8 pixel cells; four one-sided sums over it
measure how far a shape reaches left, right, up and down of a cell. Box centres are differences of those, sizes sums,
and a cell at the middle of a shape, where they balance, is an object. The backbone's other channels are random
filters: they stand for the work of a trained network of this size (1.4 GMAC at 480x640), and reach the output, faintly.

The head is YOLOX's: output [1, anchors of strides 8, 16 and 32, 4 + 1 + 1 class].
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = (480, 640)
DARK, BRIGHT = 205, 225  # mean grey levels: at or below the one no shape, from the other on a shape
REACH = 7  # cells that the one-sided sums cover
KNOTS = (2.0, 3.0, 4.0, 5.5, 7.5, 10.0, 14.0)  # of the logarithm, interpolated linearly
FAINT = 1e-3
FALL_OFF = 0.3  # of a filter's taps, per pixel from its centre
STEM, WIDTH, BLOCKS = (16, 32), 64, 6


class _Builder:
    """Nodes and weights of a network, convolution by convolution."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def random(self, outputs, inputs, kernel=3):
        """Filters that keep the size of rectified activations (He et al., ICCV 2015), strongest in the middle."""
        window = np.outer(*[FALL_OFF ** abs(np.arange(kernel) - kernel // 2)] * 2)
        scale = np.sqrt(2 / (inputs * np.sum(window**2)))
        return self.rng.standard_normal((outputs, inputs, kernel, kernel)) * window * scale

    def conv(self, source, name, weight, bias=None, stride=1, activation="Relu"):
        bias = np.zeros(len(weight)) if bias is None else np.asarray(bias)
        for kind, value in (("weight", weight), ("bias", bias)):
            self.weights.append(numpy_helper.from_array(value.astype(np.float32), f"{name}.{kind}"))
        pads = [k // 2 for k in weight.shape[2:]] * 2
        out = name if activation is None else f"{name}.conv"
        names = [source, f"{name}.weight", f"{name}.bias"]
        self.node("Conv", names, out, kernel_shape=list(weight.shape[2:]), strides=[stride] * 2, pads=pads)
        if activation:
            self.node(activation, [out], name)
        return name

    def node(self, operator, inputs, output, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output


def build(size=SIZE, seed=0):
    """-> ModelProto: input `images` [1, 3, H, W] BGR 0..255 (H and W multiples of 32), output `output` [1, N, 6]."""
    net = _Builder(seed)
    features, heads = _backbone(net), []
    for level, stride in enumerate((8, 16, 32)):
        if level:
            features = net.conv(features, f"down{stride}", net.random(WIDTH, WIDTH), stride=2)
            hidden = net.conv(features, f"hidden{stride}", net.random(WIDTH, WIDTH, 1))
            weights = {kind: FAINT * net.random(n, WIDTH, 1) for kind, n in (("reg", 4), ("obj", 1), ("cls", 1))}
            biases = {"reg": np.zeros(4), "obj": np.array([-12.0]), "cls": np.array([5.0])}
        else:
            hidden, weights, biases = _measure(net, features)
        heads.append(_head(net, hidden, stride, weights, biases))
    net.node("Concat", heads, "joined", axis=2)
    net.node("Transpose", ["joined"], "output", perm=[0, 2, 1])
    return _model(net, size)


def _backbone(net):
    """-> the features at stride 8; channel 0 is the share of bright pixels in each cell."""
    weight = net.random(STEM[0], 3) / 128
    average = np.zeros((3, 3, 3))
    average[:, 1:, 1:] = 1 / 12  # the 2x2 pixels under an output pixel, all channels
    weight[0] = weight[1] = average / (BRIGHT - DARK)
    bias = np.zeros(STEM[0])
    bias[:2] = -DARK / (BRIGHT - DARK), -BRIGHT / (BRIGHT - DARK)
    features = net.conv("images", "stem1", weight, bias, stride=2)
    # Rectified twice and subtracted, the brightness is cut off at 0 and 1.
    features = net.conv(features, "stem2", _carry(net, STEM[1], STEM[0], {0: 1, 1: -1}, pool=True), stride=2)
    features = net.conv(features, "stem3", _carry(net, WIDTH, STEM[1], {0: 1}, pool=True), stride=2)
    for block in range(BLOCKS):
        features = net.conv(features, f"block{block + 1}", _carry(net, WIDTH, WIDTH, {0: 1}))
    return features


def _carry(net, outputs, inputs, signal, pool=False):
    """3x3 filters that hand channel 0 on, as a sum of `signal` channels, averaged over 2x2 pixels where they pool."""
    weight = net.random(outputs, inputs)
    weight[0] *= FAINT
    for channel, factor in signal.items():
        if pool:
            weight[0, channel, 1:, 1:] += factor / 4
        else:
            weight[0, channel, 1, 1] += factor
    return weight


def _measure(net, features):
    """-> (hidden units at stride 8, {kind: weights}, {kind: biases}) of the head that finds the shapes."""
    sides = np.zeros((2, WIDTH, 1, 2 * REACH + 1))
    sides[0, 0, 0, :REACH] = sides[1, 0, 0, REACH + 1 :] = 1
    across = net.conv(features, "left_right", sides)
    down = net.conv(features, "up_down", sides.transpose(0, 1, 3, 2))
    both = net.node("Concat", [features, across, down], "extents", axis=1)
    left, right, up, low = range(WIDTH, WIDTH + 4)

    units = [({0: 1.0}, 0.0)]  # brightness of the cell itself
    units += [({left: 1.0, right: 1.0}, 1.0 - knot) for knot in KNOTS]
    units += [({up: 1.0, low: 1.0}, 1.0 - knot) for knot in KNOTS]
    for first, second in ((right, left), (low, up)):
        for sign in (
            1.0,
            -1.0,
        ):  # the centre's offset, in halves: off the cell's middle, and off by more than half a cell
            units += [({first: sign, second: -sign}, 0.0), ({first: sign, second: -sign}, -1.0)]
    weight, bias = np.zeros((len(units), WIDTH + 4, 1, 1)), np.zeros(len(units))
    weight[:, :WIDTH] = FAINT * net.random(len(units), WIDTH, 1)
    for unit, (terms, offset) in enumerate(units):
        bias[unit] = offset
        for channel, factor in terms.items():
            weight[unit, channel] += factor
    hidden = net.conv(both, "hidden8", weight, bias)

    reg, obj, cls = np.zeros((4, len(units))), np.zeros((1, len(units))), np.zeros((1, len(units)))
    at = 1 + 2 * len(KNOTS)
    reg[0, [at, at + 2]] = reg[1, [at + 4, at + 6]] = 0.5, -0.5
    slopes, start = _logarithm()
    reg[2, 1 : 1 + len(KNOTS)] = reg[3, 1 + len(KNOTS) : at] = slopes
    obj[0, 0] = 12.0
    obj[0, [at + 1, at + 3, at + 5, at + 7]] = -8.0
    weights = {kind: value[:, :, None, None] for kind, value in (("reg", reg), ("obj", obj), ("cls", cls))}
    return hidden, weights, {"reg": np.array([0.5, 0.5, start, start]), "obj": np.array([-6.0]), "cls": np.array([5.0])}


def _logarithm():
    """-> (slope added at each of KNOTS, value at the first): a polygon through the logarithm's values there."""
    knots = np.array(KNOTS)
    slopes = np.diff(np.log(knots)) / np.diff(knots)
    return np.diff(np.concatenate([[0], slopes, slopes[-1:]])), float(np.log(knots[0]))


def _head(net, hidden, stride, weights, biases):
    """-> [1, 6, cells]: box, objectness, class, in YOLOX's order."""
    kinds = (("reg", None), ("obj", "Sigmoid"), ("cls", "Sigmoid"))
    parts = [net.conv(hidden, f"{kind}{stride}", weights[kind], biases[kind], 1, last) for kind, last in kinds]
    joined = net.node("Concat", parts, f"head{stride}", axis=1)
    net.weights.append(numpy_helper.from_array(np.array([1, 6, -1], np.int64), f"shape{stride}"))
    return net.node("Reshape", [joined, f"shape{stride}"], f"flat{stride}")


def _model(net, size):
    anchors = sum((size[0] // stride) * (size[1] // stride) for stride in (8, 16, 32))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *size])
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, anchors, 6])
    graph = helper.make_graph(net.nodes, "bright_shapes", [images], [output], net.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=onnx.IR_VERSION_2021_7_30)
    onnx.checker.check_model(model)
    return model
