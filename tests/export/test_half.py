"""--weights float16: numbers that float16 has, in every convolution, and nowhere else."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from patchskip.benchmarks.demo_network import build
from patchskip.export import convert
from patchskip.export.half import round_weights, rounded
from patchskip.export.layers import Layer
from patchskip.export.metadata import metadata_of
from patchskip.runtime.errors import PatchskipError

SIZE = (96, 128)


def is_rounded(value):
    return np.array_equal(value.astype(np.float16), value)


def constants(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_convolutions_are_rounded_and_biases_are_not():
    plain, half = (convert(build(SIZE), weights=weights).model for weights in ("float32", "float16"))
    assert [node.SerializeToString() for node in plain.graph.node] == [n.SerializeToString() for n in half.graph.node]
    before, after = constants(plain), constants(half)
    for name, value in before.items():
        if value.ndim == 4:
            assert is_rounded(after[name])
            np.testing.assert_allclose(after[name], value, rtol=2**-11, atol=2**-25)
        else:
            np.testing.assert_array_equal(after[name], value)
    metadata = metadata_of(half)
    assert metadata["weights"] == "float16"
    assert sum(not is_rounded(value) for value in before.values() if value.ndim == 4) > 5


def test_what_float16_cannot_hold_stays():
    large = np.full((2, 2, 1, 1), 70000.1, np.float32)
    np.testing.assert_array_equal(rounded(large), large)
    addend = np.full((1, 2, 2, 3), 0.1, np.float32)
    layer = Layer("sum", "Add", ["x"], "y", (1, 2, 2, 3), (2, 2), weights=[addend])
    round_weights([layer])
    assert layer.weights[0] is addend


def test_another_precision():
    with pytest.raises(PatchskipError, match="--weights int8 is not known; choose float32 or float16"):
        convert(build(SIZE), weights="int8")


def test_the_dense_network_is_not_changed():
    network = build(SIZE)
    bytes_before = network.SerializeToString()
    convert(network, weights="float16")
    assert network.SerializeToString() == bytes_before and isinstance(network, onnx.ModelProto)
