"""Small models of standard operators that pose as exported ones: the runtime is tested without native operators."""

import json
import os
import sys

import numpy as np
import pytest

from patchskip.plugins import library

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))


@pytest.fixture
def rng(seed):
    return np.random.RandomState(seed)


@pytest.fixture
def standard_operators(monkeypatch):
    """Load models as if there were a native library: those made here use none of its operators."""
    ort = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(library, "path", lambda: "libpatchskip.so")
    monkeypatch.setattr(library, "set_threads", lambda count: None)

    class Options(ort.SessionOptions):
        def register_custom_ops_library(self, path):
            pass

    monkeypatch.setattr(ort, "SessionOptions", Options)


def save(path, nodes, inputs, outputs, initializers, metadata, opset=13):
    """inputs, outputs: {name: (numpy type, shape)}."""
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper

    def values(entries):
        types = {np.float32: 1, np.uint8: 2, np.int32: 6, np.int64: 7}
        return [helper.make_tensor_value_info(name, types[t], shape) for name, (t, shape) in entries.items()]

    graph = helper.make_graph(
        [helper.make_node(op, i, o, **attributes) for op, i, o, attributes in nodes],
        "test",
        values(inputs),
        values(outputs),
        [onnx.numpy_helper.from_array(np.asarray(v), n) for n, v in initializers.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)
    if metadata is not None:
        helper.set_model_props(model, {"patchskip": json.dumps(metadata)})
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def counter(tmp_path, standard_operators):
    """y = the sum of the frames since reset; a mask of 2x2 patches whose maximum in channel 0 exceeds .5; `index` picks
    an entry of a table of four, and fails beyond it."""
    return save(
        tmp_path / "counter.onnx",
        [
            ("IsNaN", ["y.cache"], ["new"], {}),
            ("Where", ["new", "zero", "y.cache"], ["old"], {}),
            ("Add", ["x", "old"], ["y"], {}),
            ("Gather", ["table", "index"], ["picked"], {}),
            ("Slice", ["x", "first", "second", "one"], ["c0"], {}),
            ("MaxPool", ["c0"], ["pooled"], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
            ("Squeeze", ["pooled", "axes"], ["grid"], {}),
            ("Greater", ["grid", "half"], ["above"], {}),
            ("Cast", ["above"], ["m"], {"to": 6}),
        ],
        {"x": (np.float32, [1, 2, 4, 5]), "index": (np.int64, [1]), "y.cache": (np.float32, [1, 2, 4, 5])},
        {"y": (np.float32, [1, 2, 4, 5]), "picked": (np.float32, [1]), "m": (np.int32, [2, 3])},
        {
            "zero": np.float32(0),
            "half": np.float32(0.5),
            "table": np.arange(4, dtype=np.float32),
            "first": np.array([0]),
            "second": np.array([1]),
            "one": np.array([1]),
            "axes": np.array([0, 1]),
        },
        {
            "format": 1,
            "patch": 2,
            "gate": "exact",
            "threshold": 0,
            "inputs": [
                {"name": "x", "shape": [1, 2, 4, 5], "dtype": "float32", "layout": "NCHW"},
                {"name": "index", "shape": [1], "dtype": "int64", "layout": ""},
            ],
            "outputs": [{"name": "y", "shape": [1, 2, 4, 5]}, {"name": "picked", "shape": [1]}],
            "states": [{"input": "y.cache", "output": "y", "kind": "cache", "shape": [1, 2, 4, 5]}],
            "masks": [{"name": "m", "patch": 2, "size": [4, 5]}],
            "layers": [
                {"name": "image", "op_type": "Image", "shape": [1, 4, 5, 2], "macs": 0, "mask": "m"},
                {"name": "conv", "op_type": "Conv", "shape": [1, 4, 5, 2], "macs": 90, "mask": "m"},
            ],
            "dense": [{"name": "tail", "op_type": "Gemm", "macs": 10, "reason": "not local"}],
            "macs": 100,
            "coverage": 0.9,
        },
    )


BOX = {"anchor": 17, "stride": 8, "row": [0.5, 0.25, 0.0, 0.6931472, 0.9, 0.1, 0.8]}


@pytest.fixture
def detector(tmp_path, standard_operators):
    """A YOLOX-style model of uint8 [1, 64, 96, 3] that always finds one box of class 1: BOX."""
    anchors = 8 * 12 + 4 * 6 + 2 * 3
    table = np.zeros((1, anchors, 7), np.float32)
    table[0, BOX["anchor"]] = BOX["row"]
    shape = [1, anchors, 7]
    return save(
        tmp_path / "detector.onnx",
        [
            ("Cast", ["images"], ["f"], {"to": 1}),
            ("ReduceMean", ["f"], ["mean"], {"keepdims": 0}),
            ("Mul", ["mean", "zero"], ["nothing"], {}),
            ("Add", ["table", "nothing"], ["fresh"], {}),
            ("IsNaN", ["output.cache"], ["new"], {}),
            ("Where", ["new", "fresh", "output.cache"], ["output"], {}),
            ("Cast", ["nothing"], ["i"], {"to": 6}),
            ("Add", ["half_mask", "i"], ["m"], {}),
        ],
        {"images": (np.uint8, [1, 64, 96, 3]), "output.cache": (np.float32, shape)},
        {"output": (np.float32, shape), "m": (np.int32, [4, 6])},
        {"zero": np.float32(0), "table": table, "half_mask": (np.arange(24).reshape(4, 6) % 6 < 3).astype(np.int32)},
        {
            "format": 1,
            "patch": 16,
            "gate": "delta",
            "threshold": 0.05,
            "inputs": [{"name": "images", "shape": [1, 64, 96, 3], "dtype": "uint8", "layout": "NHWC"}],
            "outputs": [{"name": "output", "shape": shape}],
            "states": [{"input": "output.cache", "output": "output", "kind": "cache", "shape": shape}],
            "masks": [{"name": "m", "patch": 16, "size": [64, 96]}],
            "layers": [{"name": "image", "op_type": "Image", "shape": [1, 64, 96, 3], "macs": 100, "mask": "m"}],
            "dense": [],
            "macs": 100,
            "coverage": 1.0,
            "preprocess": {"channels": "BGR", "mean": [0, 0, 0], "std": [1, 1, 1], "fit": "letterbox", "pad": 114},
        },
    )


@pytest.fixture
def poser(tmp_path, standard_operators):
    """A pose network of uint8 [1, 64, 48, 3] whose 17 heat maps [16, 12] are the brightness of every fourth pixel."""
    shape = [1, 17, 16, 12]
    return save(
        tmp_path / "poser.onnx",
        [
            ("Slice", ["image", "first", "last", "axes", "steps"], ["some"], {}),
            ("Cast", ["some"], ["f"], {"to": 1}),
            ("ReduceMean", ["f"], ["grey"], {"axes": [3], "keepdims": 0}),
            ("Unsqueeze", ["grey", "channel"], ["one"], {}),
            ("Mul", ["one", "scales"], ["fresh"], {}),
            ("IsNaN", ["maps.cache"], ["new"], {}),
            ("Where", ["new", "fresh", "fresh"], ["maps"], {}),
            ("Cast", ["mask"], ["m"], {"to": 6}),
        ],
        {"image": (np.uint8, [1, 64, 48, 3]), "maps.cache": (np.float32, shape)},
        {"maps": (np.float32, shape), "m": (np.int32, [4, 3])},
        {
            "first": np.array([2, 2]),
            "last": np.array([64, 48]),
            "axes": np.array([1, 2]),
            "steps": np.array([4, 4]),
            "channel": np.array([1]),
            "scales": np.full((1, 17, 1, 1), 1 / 255, np.float32),
            "mask": np.arange(12, dtype=np.int64).reshape(4, 3) % 2,
        },
        {
            "format": 1,
            "patch": 16,
            "gate": "delta",
            "threshold": 0.05,
            "inputs": [{"name": "image", "shape": [1, 64, 48, 3], "dtype": "uint8", "layout": "NHWC"}],
            "outputs": [{"name": "maps", "shape": shape}],
            "states": [{"input": "maps.cache", "output": "maps", "kind": "cache", "shape": shape}],
            "masks": [{"name": "m", "patch": 16, "size": [64, 48]}],
            "layers": [{"name": "image", "op_type": "Image", "shape": [1, 64, 48, 3], "macs": 100, "mask": "m"}],
            "dense": [],
            "macs": 100,
            "coverage": 1.0,
            "preprocess": {"channels": "RGB", "mean": [0, 0, 0], "std": [1, 1, 1], "fit": "stretch", "pad": 114},
        },
    )
