"""Small networks, and evaluators that run an export: the specification in numpy, and the native library when built."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from patchskip.export import convert
from patchskip.export.metadata import metadata_of
from patchskip.plugins import library
from patchskip.plugins.cuda import emulated_ops
from patchskip.plugins.reference.onnx_ops import OPS
from patchskip.runtime.errors import PatchskipError


class Net:
    """Builds a network node by node. Every method returns a tensor's name."""

    def __init__(self, rng, opset=13):
        self.rng, self.opset = rng, opset
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []

    def input(self, *shape, name="images", kind=TensorProto.FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def op(self, op_type, *inputs, outputs=1, name="", **attributes):
        made = [
            f"{op_type.lower()}{len(self.nodes)}_{i}" if outputs > 1 else f"{op_type.lower()}{len(self.nodes)}"
            for i in range(outputs)
        ]
        self.nodes.append(helper.make_node(op_type, inputs, made, name or made[0] + "_node", **attributes))
        return made if outputs > 1 else made[0]

    def const(self, value, dtype=None):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def weight(self, *shape):
        scale = 1 / np.sqrt(max(np.prod(shape[1:]), 1))
        return self.const((self.rng.normal(size=shape) * scale).astype(np.float32))

    def conv(self, x, c_in, c_out, k=3, bias=True, group=1, **attributes):
        attributes.setdefault("pads", [k // 2] * 4)
        inputs = [x, self.weight(c_out, c_in // group, k, k)] + ([self.weight(c_out)] if bias else [])
        return self.op("Conv", *inputs, group=group, **attributes)

    def model(self, *outputs):
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "net", self.inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        onnx.checker.check_model(model)
        return model


def random_network(net, rng):
    """A few operators in any order."""
    tensors = [net.op("Relu", net.conv(net.input(1, 3, 20, 20), 3, 4))]
    for _ in range(14):
        x = tensors[rng.integers(max(0, len(tensors) - 3), len(tensors))]
        kind = rng.integers(0, 7)
        other = tensors[rng.integers(len(tensors))]
        tensors.append(
            [
                lambda: net.conv(x, 4, 4),
                lambda: net.op("Add", x, other),
                lambda: net.op("Relu", x),
                lambda: net.op("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4),
                lambda: net.op("Tanh", x),
                lambda: net.conv(net.op("Concat", x, other, axis=1), 8, 4, 1),
                lambda: net.op("Mul", x, net.op("Sigmoid", x)),
            ][kind]()
        )
    return net.model(tensors[-1], tensors[7])


def evaluators(model):
    """name -> function(feeds) -> {output: array}, for every implementation of the operators that is here."""
    names = [value.name for value in model.graph.output]
    reference = ReferenceEvaluator(model, new_ops=OPS)
    found = {"reference": lambda feeds: dict(zip(names, reference.run(None, feeds)))}
    try:
        path = library.path()
    except PatchskipError:
        return found
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(path)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    found["native"] = lambda feeds: dict(zip(names, session.run(names, feeds)))
    emulated = ReferenceEvaluator(model, new_ops=emulated_ops.OPS)
    found["cuda-emulated"] = lambda feeds: dict(zip(names, emulated.run(None, feeds)))
    return found


def op_types(metadata):
    """Of the layers, but for those that only lay out a result NCHW."""
    return [layer["op_type"] for layer in metadata["layers"] if layer["op_type"] != "Planes"]


class Stream:
    """Carries the states of one evaluator from frame to frame."""

    def __init__(self, model, run):
        self.metadata, self.run = metadata_of(model), run
        self.states = {s["input"]: np.full(s["shape"], np.nan, np.float32) for s in self.metadata["states"]}

    def infer(self, feeds):
        out = self.run({**feeds, **self.states})
        self.states = {s["input"]: out[s["output"]] for s in self.metadata["states"]}
        return out

    def active(self, out):
        """Patches computed, over all layers."""
        return sum(int(out[layer["mask"]].sum()) for layer in self.metadata["layers"])


def dense_runner(model):
    """By ONNX Runtime; by ONNX's reference where that lacks an operator (DeformConv up to 1.24)."""
    names = [value.name for value in model.graph.output]
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        session = ReferenceEvaluator(model)
    return lambda feeds: dict(zip(names, session.run(names, feeds)))


def random_feeds(model, rng):
    constants = {tensor.name for tensor in model.graph.initializer}
    return {
        v.name: rng.normal(size=[d.dim_value for d in v.type.tensor_type.shape.dim]).astype(np.float32)
        for v in model.graph.input
        if v.name not in constants
    }


def assert_close(found, expected, tolerance=1e-4):
    assert list(found.shape) == list(expected.shape)
    worst = np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-20)
    assert worst <= tolerance, f"differs by {worst:.2g} of the largest magnitude"


def compare_stream(model, rng, fewer=True, feeds=None, **options):
    """Three frames in exact mode: all new, a corner changed, nothing changed. -> the export's metadata.

    fewer: does a change in one corner leave some patch alone?
    """
    exported = convert(model, **{"patch": 4, **options}).model
    onnx.checker.check_model(exported)
    run_dense = dense_runner(model)
    first = feeds or random_feeds(model, rng)
    second = {name: value.copy() for name, value in first.items()}
    for value in second.values():
        if value.ndim == 4:
            value[:, :, :2, 1:3] += 1
        else:
            value += 0.5
    for name, run in evaluators(exported).items():
        stream, counts = Stream(exported, run), []
        for frame in (first, second, second):
            out, expected = stream.infer(frame), run_dense(frame)
            for key, value in expected.items():
                assert_close(out[key], value)
            counts.append(stream.active(out))
        assert counts[2] == 0, f"{name}: {counts[2]} patches were active for a frame like the last one"
        assert 0 < counts[1] and (counts[1] < counts[0] or not fewer), f"{name}: {counts} patches were active"
    return metadata_of(exported)
