"""A small model written by hand (the device has no onnx package), to see that the native operators work at all."""

import struct

import numpy as np

from patchskip.plugins import library
from patchskip.plugins.reference import patches

from .errors import PatchskipError
from .model import import_onnxruntime, session_options

FLOAT, INT32 = 1, 6
SIZE, IN, OUT, PATCH = (8, 8), 5, 7, 4
ATTRIBUTES = {
    "op_type": "Conv",
    "patch": PATCH,
    "activation": "Relu",
    "kernel_shape": [3, 3],
    "pads": [1, 1, 1, 1],
    "strides": [1, 1],
    "dilations": [1, 1],
    "group": 1,
}


def check():
    """Run one convolution through ONNX Runtime and compare it with the specification; -> the largest error.

    Raises PatchskipError when it cannot be run or is wrong.
    """
    rng = np.random.RandomState(0)
    active = np.array([[1, 0], [0, 1]], np.int32)
    cache, x = (rng.normal(size=(1,) + SIZE + (c,)).astype(np.float32) for c in (OUT, IN))
    weight = rng.normal(size=(OUT, IN, 3, 3)).astype(np.float32)
    bias = rng.normal(size=OUT).astype(np.float32)
    options = session_options()
    try:
        options.register_custom_ops_library(library.path())
        session = import_onnxruntime().InferenceSession(
            _model(weight, bias), options, providers=["CPUExecutionProvider"]
        )
        (result,) = session.run(None, {"active": active, "cache": cache, "x": x})
    except PatchskipError:
        raise
    except Exception as error:
        raise PatchskipError("the native operators do not run: {}; {}".format(error, library.HOW_TO_BUILD)) from error
    expected, _ = patches.patch_skip(active, cache, x, weight, bias, **ATTRIBUTES)
    worst = float(np.abs(result - expected).max())
    if not worst < 1e-4:
        raise PatchskipError("the native operators are wrong by {}; {}".format(worst, library.HOW_TO_BUILD))
    return worst


def _model(weight, bias):
    """-> the ONNX file (protobuf wire format; field numbers are those of onnx.proto)."""
    node = b"".join(_bytes(1, name) for name in ("active", "cache", "x", "w", "b"))
    node += _bytes(2, "y") + _bytes(4, "PatchSkip") + _bytes(7, "patchskip")
    node += b"".join(_bytes(5, _attribute(name, value)) for name, value in ATTRIBUTES.items())
    graph = _bytes(1, node) + _bytes(2, "check") + _bytes(5, _tensor("w", weight)) + _bytes(5, _tensor("b", bias))
    graph += _bytes(11, _value("active", INT32, [n // PATCH for n in SIZE]))
    graph += _bytes(11, _value("cache", FLOAT, [1, *SIZE, OUT])) + _bytes(11, _value("x", FLOAT, [1, *SIZE, IN]))
    graph += _bytes(12, _value("y", FLOAT, [1, *SIZE, OUT]))
    opsets = _bytes(8, _bytes(1, "") + _int(2, 13)) + _bytes(8, _bytes(1, "patchskip") + _int(2, 1))
    return _int(1, 7) + _bytes(7, graph) + opsets


def _attribute(name, value):
    if isinstance(value, str):
        return _bytes(1, name) + _bytes(4, value) + _int(20, 3)
    if isinstance(value, list):
        return _bytes(1, name) + b"".join(_int(8, v) for v in value) + _int(20, 7)
    return _bytes(1, name) + _int(3, value) + _int(20, 2)


def _tensor(name, array):
    return b"".join(_int(1, n) for n in array.shape) + _int(2, FLOAT) + _bytes(8, name) + _bytes(9, array.tobytes())


def _value(name, dtype, shape):
    dimensions = b"".join(_bytes(1, _int(1, n)) for n in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _int(1, dtype) + _bytes(2, dimensions)))


def _int(field, value):
    return _varint(field << 3) + _varint(value)


def _bytes(field, value):
    value = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value):
    data = []
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    return struct.pack("{}B".format(len(data) + 1), *data, value)
