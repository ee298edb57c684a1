"""A gate of PASS as ordinary ONNX nodes: what decides for PatchSkip need not be one of our operators."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from patchskip.runtime.errors import PatchskipError

from .geometry import Size
from .pass_gates import Form, TrainedGate

MIN_OPSET = 9  # Erf
EPSILON = 1e-5  # of PyTorch's BatchNorm
_JUST_BELOW_HALF = np.nextafter(np.float32(0.5), np.float32(0))  # x > this is x >= .5, and false for NaN


class Seen(NamedTuple):
    """A tensor that a gate looks at. form: for a picture what Image is told of it; without it is float32 NHWC."""

    tensor: str
    form: Mapping | None = None


def pass_nodes(
    gate: TrainedGate,
    current: Seen,
    previous: str,
    size: Size,
    active: str,
    new_name: Callable[[str], str],
    opset: int,
) -> tuple[list[NodeProto], list[TensorProto]]:
    """-> nodes and initializers that make `active`: int32 [Gh, Gw], 1 where a patch is computed.

    current: of `size`. previous: float32 [1, *size, C]. A patch whose decision is NaN is computed: at the beginning
    what was before is NaN.
    """
    if opset < MIN_OPSET:
        raise PatchskipError(
            f"a PASS gate needs ONNX opset {MIN_OPSET}, the network has {opset}; convert it with onnx.version_converter"
        )
    maker = _Maker(gate, f"{active}.pass", new_name)
    skip = maker.skip(maker.nchw(*current), maker.nchw(previous), size)
    maker.add_as(active, "Cast", maker.add("Not", skip), to=TensorProto.INT32)
    return maker.nodes, maker.initializers


class _Maker:
    def __init__(self, gate: TrainedGate, name: str, new_name: Callable[[str], str]):
        self.form: Form = gate.form
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self._gate, self._name, self._new_name = gate, name, new_name
        self._half, self._one, self._root = (self.constant(f"{name}.{v}", v) for v in (0.5, 1.0, math.sqrt(0.5)))

    def nchw(self, x: str, form: Mapping | None = None) -> str:
        """What Image makes of all of a picture of this form, NCHW."""
        if form is not None:
            if form.get("layout") == "NCHW":
                return x
            x = self.add("Cast", x, to=TensorProto.FLOAT)
            if "channels" in form:
                x = self.add("Gather", x, self.constant(f"{self._name}.channels", np.array(form["channels"])), axis=3)
            for key, operator in (("scale", "Mul"), ("bias", "Add")):
                if key in form:
                    x = self.add(operator, x, self.constant(f"{self._name}.{key}", np.array(form[key], np.float32)))
        return self.add("Transpose", x, perm=[0, 3, 1, 2])

    def skip(self, current: str, previous: str, size: Size) -> str:
        form = self.form
        rows, columns = form.patches(size)
        side, pads = form.patch // form.pool, [0, 0, rows * form.patch - size[0], columns * form.patch - size[1]]
        x = self.add("Concat", current, previous, axis=1)
        if form.pool > 1:
            square = [form.pool] * 2
            x = self.add("AveragePool", x, kernel_shape=square, strides=square, pads=pads, count_include_pad=1)
            pads = [0, 0, 0, 0]
        x = self.convolution("embedding", x, kernel_shape=[side] * 2, strides=[side] * 2, pads=pads)
        around = {"kernel_shape": [form.kernel] * 2, "pads": [form.kernel // 2] * 4, "group": form.width}
        for i in range(form.depth):
            x = self.add("Add", x, self.convolution(f"blocks.{i}.depthwise", x, **around))
            x = self.convolution(f"blocks.{i}.pointwise", x, kernel_shape=[1, 1])
        logits = self.local(x) if form.head == "local" else self.published(x)
        shape = self.constant(f"{self._name}.grid", np.array([rows, columns], np.int64))
        return self.add("Reshape", logits, shape)

    def convolution(self, layer: str, x: str, **attributes) -> str:
        """Then GELU, then BatchNorm."""
        values = self._gate.parameters
        weight, bias, mean, variance = (
            values[f"{layer}_norm.{part}"].astype(np.float64).reshape(1, -1, 1, 1)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = weight / np.sqrt(variance + EPSILON)
        scale = self.constant(f"{self._name}.{layer}.scale", factor.astype(np.float32))
        shift = self.constant(f"{self._name}.{layer}.shift", (bias - mean * factor).astype(np.float32))
        y = self.add("Conv", x, *self.parameters(layer, "weight", "bias"), **attributes)
        bell = self.add("Add", self.add("Erf", self.add("Mul", y, self._root)), self._one)
        gelu = self.add("Mul", self.add("Mul", y, self._half), bell)
        return self.add("Add", self.add("Mul", gelu, scale), shift)

    def local(self, x: str) -> str:
        logits = self.add("Conv", x, *self.parameters("head", "weight", "bias"), kernel_shape=[1, 1])
        return self.add("Greater", logits, self.constant(f"{self._name}.even", 0.0))

    def published(self, x: str) -> str:
        y = self.add("Flatten", self.add("GlobalAveragePool", x))
        for layer in ("head.0", "head.1"):
            y = self.add("Gemm", y, *self.parameters(layer, "weight", "bias"), transB=1)
        low, high = (self.add(kind, y, keepdims=0) for kind in ("ReduceMin", "ReduceMax"))
        share = self.add("Div", self.add("Sub", y, low), self.add("Sub", high, low))
        return self.add("Greater", share, self.constant(f"{self._name}.half", _JUST_BELOW_HALF))

    def parameters(self, layer: str, *parts: str) -> list[str]:
        names = [f"{layer}.{part}" for part in parts]
        return [self.constant(f"{self._name}.{name}", self._gate.parameters[name]) for name in names]

    def constant(self, stem: str, value: np.ndarray | float) -> str:
        array = np.asarray(value, np.float32) if not isinstance(value, np.ndarray) else value
        name = self._new_name(stem)
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: str, **attributes) -> str:
        return self.add_as(self._new_name(f"{self._name}.{operator.lower()}"), operator, *inputs, **attributes)

    def add_as(self, output: str, operator: str, *inputs: str, **attributes) -> str:
        node = helper.make_node(operator, inputs, [output], output)
        node.attribute.extend(helper.make_attribute(key, attributes[key]) for key in sorted(attributes))
        self.nodes.append(node)
        return output
