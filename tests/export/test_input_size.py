"""Another input size: the constants that hold the old one follow."""

import numpy as np
import onnx
import onnxruntime
import pytest
from export_support import dense_runner

from patchskip.export import set_input_size
from patchskip.export.input_size import reshaped
from patchskip.runtime.errors import PatchskipError

PLANES = {(44, 44): (60, 80), (22, 22): (30, 40)}


@pytest.mark.parametrize(
    "old_in,old_out,new_in,expected",
    [
        ((1, 48, 44, 44), (24, 2, 1936), (1, 48, 60, 80), (24, 2, 4800)),
        ((2, 24, 1936), (2, 1, 24, 44, 44), (2, 24, 4800), (2, 1, 24, 60, 80)),
        ((1, 85, 52, 52), (1, 85, 2704), (1, 85, 72, 96), (1, 85, 6912)),
        ((1, 44, 44, 44), (1, 4, 11, 44, 44), (1, 44, 60, 80), (1, 4, 11, 60, 80)),
        ((1, 48, 44, 44), (1, 2, 24, 44, 44), (1, 48, 60, 80), (1, 2, 24, 60, 80)),
        ((1, 195, 1, 1), (1, 195), (1, 195, 1, 1), (1, 195)),
        ((1, 12, 22, 22), (1, 3, 4, 22, 22), (1, 12, 30, 40), (1, 3, 4, 30, 40)),
        ((1, 1001, 1, 1), (1, 1001), (1, 1001, 2, 2), (1, 1001)),
        ((1, 4, 22, 22), (1, 1936), (1, 4, 30, 40), (1, 4800)),
        ((1, 1936), (1, 4, 22, 22), (1, 4800), (1, 4, 30, 40)),
        ((1, 1936), (1, 4, 11, 44), (1, 4800), None),
    ],
)
def test_reshapes_follow(old_in, old_out, new_in, expected):
    assert reshaped(old_in, old_out, new_in, PLANES) == expected


def shuffling(net, size):
    x = net.conv(net.input(1, 3, *size), 3, 8, strides=[2, 2])
    half = [n // 2 for n in size]
    y = net.op("Reshape", x, net.const([4, 2, half[0] * half[1]]))
    y = net.op("Reshape", net.op("Transpose", y, perm=[1, 0, 2]), net.const([2, -1, 4, *half]))
    return net.op("Gather", y, net.const(1), axis=0)


def test_a_shuffle_follows(net, rng):
    small = net.model(shuffling(net, (16, 16)))
    large = set_input_size(small, (24, 40))
    shape = [d.dim_value for d in large.graph.output[0].type.tensor_type.shape.dim]
    assert shape == [1, 4, 12, 20]
    image = rng.normal(size=(1, 3, 24, 40)).astype(np.float32)
    (out,) = dense_runner(large)({"images": image}).values()
    # Without padding in the way, the top left corner sees what the small network sees.
    (corner,) = dense_runner(small)({"images": np.ascontiguousarray(image[:, :, :16, :16])}).values()
    np.testing.assert_allclose(out[:, :, :7, :7], corner[:, :, :7, :7], rtol=1e-5, atol=1e-6)


def test_resize_to_a_constant_size_follows(net):
    x = net.conv(net.input(1, 3, 16, 16), 3, 4, strides=[2, 2])
    y = net.op("Resize", x, "", "", net.const([1, 4, 16, 16]), mode="nearest")
    changed = set_input_size(net.model(y), (32, 48))
    assert [d.dim_value for d in changed.graph.output[0].type.tensor_type.shape.dim] == [1, 4, 32, 48]


def test_open_dimensions_are_set(net):
    net.input("batch", 3, "height", "width")
    x = net.conv("images", 3, 4)
    size = net.op("Slice", net.op("Shape", x), net.const([2]), net.const([4]))
    y = net.op("Resize", x, "", "", net.op("Concat", net.const([1, 4]), net.op("Mul", size, net.const([2, 2])), axis=0))
    changed = set_input_size(net.model(y), (8, 12))
    assert [d.dim_value for d in changed.graph.input[0].type.tensor_type.shape.dim] == [1, 3, 8, 12]


@pytest.mark.parametrize("size", [(20, 20), (0, 16), (-1, 16)])
def test_a_size_the_network_does_not_take(net, size):
    x = net.conv(net.input(1, 3, 16, 16), 3, 4)
    y = net.op("Gemm", net.op("Flatten", x), net.weight(4 * 256, 5))
    with pytest.raises(PatchskipError):
        set_input_size(net.model(y), size)


def test_a_picture_too_small_for_a_window(net):
    x = net.conv(net.input(1, 3, 32, 32), 3, 4)
    y = net.op("AveragePool", x, kernel_shape=[16, 16])
    with pytest.raises(PatchskipError, match="does not take an input of 8 x 8: .* would be"):
        set_input_size(net.model(y), (8, 8))


def test_a_picture_that_becomes_several(net):
    x = net.op("AveragePool", net.conv(net.input(1, 3, 16, 16), 3, 4), kernel_shape=[16, 16], strides=[16, 16])
    y = net.op("Reshape", x, net.const([-1, 4]))
    with pytest.raises(PatchskipError, match=r"input of 32 x 32: the output .*, \[1, 4\], would be \[4, 4\]"):
        set_input_size(net.model(y), (32, 32))


def test_no_image_input(net):
    with pytest.raises(PatchskipError, match="4 dimensions"):
        set_input_size(net.model(net.op("Relu", net.input(1, 3))), (8, 8))


@pytest.mark.parametrize(
    "name,size,output",
    [
        ("yolox_nano_416.onnx", (576, 768), [1, 9072, 85]),
        ("FastestDet.onnx", (480, 640), [1, 85, 30, 40]),
    ],
)
def test_real_networks(weights, name, size, output):
    model = set_input_size(onnx.load(weights / name), size)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    value = session.get_inputs()[0]
    assert value.shape == [1, 3, *size]
    assert list(session.run(None, {value.name: np.zeros(value.shape, np.float32)})[0].shape) == output


def test_a_network_with_a_head_for_one_size(weights):
    with pytest.raises(PatchskipError, match="does not take an input of 288 x 288"):
        set_input_size(onnx.load(weights / "mobilenetv2_224.onnx"), (288, 288))
