"""One layer as two ONNX models: PatchSkip nodes, and the dense operator that they are measured against."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

IMAGE = (576, 768)
IMAGE_PATCH = 16


@dataclass(frozen=True)
class Layer:
    """A convolution of a network that sees a 576x768 image, followed by its activation. Sizes are the input's."""

    op_type: str  # the row of the sweep's table
    height: int
    width: int
    channels: int
    outputs: int
    kernel: int
    stride: int = 1
    group: int = 1
    activation: str = "SiLU"

    @property
    def name(self):
        return f"{self.op_type}_{self.height}x{self.width}x{self.channels}_{self.outputs}_{self.activation}"

    @property
    def pad(self):
        return (self.kernel - 1) // 2

    @property
    def output_size(self):
        return self.height // self.stride, self.width // self.stride

    @property
    def patch(self):
        """Side of a patch in output pixels: 16 image pixels, and never less than one pixel."""
        return max(1, IMAGE_PATCH * self.output_size[0] // IMAGE[0])

    @property
    def grid(self):
        return tuple(-(-size // self.patch) for size in self.output_size)

    @property
    def macs(self):
        height, width = self.output_size
        return height * width * self.outputs * (self.channels // self.group) * self.kernel**2

    @property
    def bytes(self):
        """Activations and weights of one copy."""
        height, width = self.output_size
        weights = self.outputs * self.channels // self.group * self.kernel**2
        return 4 * (self.height * self.width * self.channels + height * width * self.outputs + weights)


def _conv3x3(height, width, channels, **more):
    return Layer("conv3x3", height, width, channels, channels, 3, **more)


def _pointwise(height, width, channels, outputs, **more):
    return Layer("conv1x1", height, width, channels, outputs, 1, **more)


def _depthwise(kernel, height, width, channels, **more):
    return Layer(f"depthwise{kernel}x{kernel}", height, width, channels, channels, kernel, group=channels, **more)


def _downsample(height, width, channels, **more):
    return Layer("conv3x3s2", height, width, channels, 2 * channels, 3, stride=2, **more)


# Early to late, as YOLOX, FastestDet and ResNet-like backbones have them.
LAYERS = [
    Layer("first3x3s2", 576, 768, 3, 16, 3, stride=2),
    Layer("first6x6s2", 576, 768, 3, 16, 6, stride=2),
    _conv3x3(288, 384, 16),
    _conv3x3(144, 192, 32, activation="Relu"),
    _conv3x3(72, 96, 64),
    _conv3x3(36, 48, 128, activation="Relu"),
    _conv3x3(18, 24, 256),
    _pointwise(288, 384, 16, 16),
    _pointwise(144, 192, 32, 32),
    _pointwise(72, 96, 64, 64, activation="Relu"),
    _pointwise(36, 48, 128, 128),
    _pointwise(18, 24, 256, 256, activation="Relu"),
    _depthwise(3, 144, 192, 32),
    _depthwise(3, 72, 96, 64, activation="Relu"),
    _depthwise(3, 36, 48, 128),
    _depthwise(3, 18, 24, 256, activation="Relu"),
    _depthwise(5, 144, 192, 32, activation="Relu"),
    _depthwise(5, 72, 96, 64),
    _depthwise(5, 36, 48, 128, activation="Relu"),
    _depthwise(5, 18, 24, 256),
    _downsample(288, 384, 16),
    _downsample(144, 192, 32, activation="Relu"),
    _downsample(72, 96, 64),
    _downsample(36, 48, 128, activation="Relu"),
]

QUICK = [LAYERS[0], LAYERS[4], LAYERS[9], LAYERS[14], LAYERS[23]]


def weights(layer, rng):
    """-> W [M, C/group, k, k] and B [M], of a size that keeps activations near one."""
    shape = (layer.outputs, layer.channels // layer.group, layer.kernel, layer.kernel)
    scale = 1 / np.sqrt(np.prod(shape[1:]))
    return (rng.standard_normal(shape) * scale).astype(np.float32), rng.standard_normal(layer.outputs, np.float32)


def dense_model(layer, parameters):
    """Input x [1, C, H, W], outputs y0, y1, ...: one standard Conv and activation for each (W, B)."""
    nodes, tensors, outputs = [], [], []
    for i, (weight, bias) in enumerate(parameters):
        tensors += [numpy_helper.from_array(weight, f"w{i}"), numpy_helper.from_array(bias, f"b{i}")]
        conv = helper.make_node("Conv", ["x", f"w{i}", f"b{i}"], [f"c{i}"], name=f"Conv{i}", **conv_attributes(layer))
        nodes.append(conv)
        if layer.activation == "SiLU":
            nodes.append(helper.make_node("Sigmoid", [f"c{i}"], [f"s{i}"], name=f"Sigmoid{i}"))
            nodes.append(helper.make_node("Mul", [f"c{i}", f"s{i}"], [f"y{i}"], name=f"Mul{i}"))
        else:
            nodes.append(helper.make_node(layer.activation, [f"c{i}"], [f"y{i}"], name=f"{layer.activation}{i}"))
        outputs.append(_value(f"y{i}", [1, layer.outputs, *layer.output_size]))
    return _model(nodes, [_value("x", [1, layer.channels, layer.height, layer.width])], outputs, tensors)


def empty_model():
    """x [1] -> y [1]: what a session costs that does nothing."""
    return _model([helper.make_node("Identity", ["x"], ["y"])], [_value("x", [1])], [_value("y", [1])], [])


def skip_model(layer, parameters):
    """Inputs active, x, cache0, cache1, ... (NHWC), outputs y0, y1, ...: one PatchSkip node for each (W, B)."""
    nodes, tensors, outputs = [], [], []
    inputs = [
        _value("active", list(layer.grid), TensorProto.INT32),
        _value("x", [1, layer.height, layer.width, layer.channels]),
    ]
    for i, (weight, bias) in enumerate(parameters):
        tensors += [numpy_helper.from_array(weight, f"w{i}"), numpy_helper.from_array(bias, f"b{i}")]
        names = ["active", f"cache{i}", "x", f"w{i}", f"b{i}"]
        node = helper.make_node("PatchSkip", names, [f"y{i}"], name=f"PatchSkip{i}", domain="patchskip")
        own = {"op_type": "Conv", "patch": layer.patch, "activation": layer.activation, **conv_attributes(layer)}
        node.attribute.extend(helper.make_attribute(key, value) for key, value in own.items())
        nodes.append(node)
        shape = [1, *layer.output_size, layer.outputs]
        inputs.append(_value(f"cache{i}", shape))
        outputs.append(_value(f"y{i}", shape))
    return _model(nodes, inputs, outputs, tensors)


def conv_attributes(layer):
    return {
        "kernel_shape": [layer.kernel] * 2,
        "strides": [layer.stride] * 2,
        "dilations": [1, 1],
        "pads": [layer.pad, layer.pad] + _end_pads(layer),
        "group": layer.group,
    }


def _end_pads(layer):
    """What makes the output exactly input / stride."""
    return [
        (out - 1) * layer.stride + layer.kernel - size - layer.pad
        for out, size in zip(layer.output_size, (layer.height, layer.width), strict=True)
    ]


def _value(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def _model(nodes, inputs, outputs, tensors):
    graph = helper.make_graph(nodes, "layer", inputs, outputs, tensors)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("patchskip", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=onnx.IR_VERSION_2021_7_30)
