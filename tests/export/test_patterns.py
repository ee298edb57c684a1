"""Every pattern the exporter knows: the export is the dense network, and the pattern is what it was made into."""

import numpy as np
import pytest
from export_support import op_types


def all_local(metadata):
    return not metadata["dense"]


def test_convolution_with_every_kind_of_geometry(net, check):
    x = net.input(1, 3, 21, 18)
    a = net.conv(x, 3, 8, 3, pads=[0, 1, 2, 1], strides=[2, 1])
    b = net.conv(a, 8, 8, 3, group=8, dilations=[2, 2], pads=[2, 2, 2, 2])
    c = net.conv(b, 8, 12, 5, group=4, bias=False)
    assert op_types(check(net.model(c))) == ["Image", "Conv", "Conv", "Conv"]


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_automatic_padding(net, check, mode):
    x = net.input(1, 3, 17, 20)
    y = net.op("Conv", x, net.weight(4, 3, 4, 3), auto_pad=mode, strides=[2, 2])
    z = net.op("MaxPool", y, kernel_shape=[2, 2], auto_pad=mode, strides=[1, 1])
    assert all_local(check(net.model(z)))


@pytest.mark.parametrize("group", [1, 8, 2])
@pytest.mark.parametrize(
    "geometry",
    [
        {"strides": [2, 2], "pads": [1, 1, 1, 1]},
        {"strides": [3, 2], "output_padding": [1, 0]},
        {"strides": [2, 2], "output_shape": [24, 21]},
        {"strides": [2, 2], "auto_pad": "SAME_LOWER"},
    ],
)
def test_transposed_convolution(net, check, group, geometry):
    x = net.input(1, 8, 12, 10)
    y = net.op("ConvTranspose", x, net.weight(8, 8 // group, 4, 4), net.weight(8), group=group, **geometry)
    assert op_types(check(net.model(y))) == ["Image", "ConvTranspose"]


def test_batch_normalization_goes_into_the_convolution_before_it(net, check):
    x = net.input(1, 3, 16, 16)
    y = x
    for op, channels in (("Conv", 6), ("ConvTranspose", 6)):
        shape = (6, 3, 3, 3) if op == "Conv" else (6, 3, 3, 3)
        attributes = {"pads": [1, 1, 1, 1], **({"group": 2} if op == "ConvTranspose" else {})}
        y = net.op(op, y, net.weight(*shape), **attributes)
        variance = net.const(net.rng.uniform(0.5, 2, channels).astype(np.float32))
        statistics = (net.weight(channels), net.weight(channels), net.weight(channels), variance)
        y = net.op("BatchNormalization", y, *statistics, epsilon=1e-3)
        y = net.op("Relu", y)
    assert op_types(check(net.model(y))) == ["Image", "Conv", "ConvTranspose"]


def test_batch_normalization_alone_is_a_depthwise_convolution(net, check):
    x = net.input(1, 3, 16, 16)
    y = net.op("BatchNormalization", x, net.weight(3), net.weight(3), net.weight(3), net.const([1.0, 2, 3], np.float32))
    found = check(net.model(net.conv(y, 3, 4)))
    assert op_types(found) == ["Image", "Conv", "Conv"] and found["layers"][1]["macs"] == 3 * 16 * 16


def test_constant_arithmetic(net, check):
    x = net.input(1, 3, 16, 16)
    y = net.op("Div", net.op("Sub", x, net.const([[[0.5]], [[0.2]], [[0.1]]], np.float32)), net.const(0.3, np.float32))
    y = net.conv(y, 3, 8)
    y = net.op("Sub", net.const(2.0, np.float32), net.op("Mul", y, net.weight(1, 8, 1, 1)))
    y = net.op("Add", net.op("Relu", y), net.const(1.0, np.float32))
    assert set(op_types(check(net.model(y)))) == {"Image", "Conv"}


def test_a_constant_that_varies_over_the_picture(net, check):
    x = net.input(1, 3, 16, 16)
    y = net.op("Add", net.conv(x, 3, 4), net.weight(1, 4, 16, 16))
    assert op_types(check(net.model(y)))[-1] == "Add"


ACTIVATIONS = {
    "Relu": {},
    "Sigmoid": {},
    "LeakyRelu": {"alpha": 0.2},
    "HardSigmoid": {"alpha": 0.3, "beta": 0.4},
    "HardSwish": {},
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_goes_into_the_convolution(net, check, name):
    net.opset = 14
    x = net.input(1, 3, 16, 16)
    y = net.op(name, net.conv(x, 3, 4), **ACTIVATIONS[name])
    assert op_types(check(net.model(y))) == ["Image", "Conv"]


@pytest.mark.parametrize("bounds", [(0.0, 6.0), (-0.5, None), (None, 0.3)])
@pytest.mark.parametrize("opset", [10, 13])
def test_clip(net, check, bounds, opset):
    net.opset = opset
    y = net.conv(net.input(1, 3, 16, 16), 3, 4)
    given = {name: value for name, value in zip(("min", "max"), bounds) if value is not None}
    if opset < 11:
        y = net.op("Clip", y, **given)
    else:
        y = net.op("Clip", y, *("" if value is None else net.const(value, np.float32) for value in bounds))
    assert op_types(check(net.model(y))) == ["Image", "Conv"]


@pytest.mark.parametrize("shape", [(4, 1, 1), (1,), (1, 4, 1, 1)])
def test_prelu(net, check, shape):
    y = net.op("PRelu", net.conv(net.input(1, 3, 16, 16), 3, 4), net.weight(*shape))
    assert op_types(check(net.model(y))) == ["Image", "Conv"]


def test_silu(net, check):
    y = net.conv(net.input(1, 3, 16, 16), 3, 4)
    y = net.op("Mul", y, net.op("Sigmoid", y))
    z = net.conv(y, 4, 4)
    assert op_types(check(net.model(net.op("Mul", net.op("Sigmoid", z), z)))) == ["Image", "Conv", "Conv"]


@pytest.mark.parametrize("form", ["divide last", "divide first", "times a sixth", "HardSigmoid"])
def test_hard_swish(net, check, form):
    x = net.conv(net.input(1, 3, 16, 16), 3, 4)
    three, six, sixth = (net.const(v, np.float32) for v in (3, 6, 1 / 6))
    relu6 = net.op("Clip", net.op("Add", x, three), net.const(0, np.float32), six)
    if form == "divide last":
        y = net.op("Div", net.op("Mul", x, relu6), six)
    elif form == "divide first":
        y = net.op("Mul", x, net.op("Div", relu6, six))
    elif form == "times a sixth":
        y = net.op("Mul", net.op("Mul", relu6, sixth), x)
    else:
        y = net.op("Mul", x, net.op("HardSigmoid", x, alpha=1 / 6, beta=0.5))
    assert op_types(check(net.model(y))) == ["Image", "Conv"]


def test_activation_of_a_tensor_that_others_read_stays_apart(net, check):
    x = net.conv(net.input(1, 3, 16, 16), 3, 4)
    y = net.op("Add", net.op("Relu", x), net.op("Sigmoid", x))
    assert op_types(check(net.model(y))) == ["Image", "Conv", "Identity", "Identity", "Add"]


def test_residual_before_the_activation(net, check):
    a = net.op("Relu", net.conv(net.input(1, 3, 16, 16), 3, 4))
    y = net.op("Relu", net.op("Add", net.conv(a, 4, 4), a))
    assert op_types(check(net.model(y))) == ["Image", "Conv", "Conv"]


def test_residual_after_the_activation(net, check):
    a = net.op("Relu", net.conv(net.input(1, 3, 16, 16), 3, 4))
    y = net.op("Add", a, net.op("Relu", net.conv(a, 4, 4)))
    assert op_types(check(net.model(net.conv(y, 4, 4)))) == ["Image", "Conv", "Conv", "Conv"]


def test_no_residual_between_two_activations(net, check):
    a = net.op("Relu", net.conv(net.input(1, 3, 16, 16), 3, 4))
    y = net.op("Relu", net.op("Add", a, net.op("Sigmoid", net.conv(a, 4, 4))))
    assert op_types(check(net.model(y))) == ["Image", "Conv", "Conv", "Add"]


def test_sum_of_two_convolutions_with_different_masks(net, check):
    x = net.input(1, 3, 24, 24)
    y = net.op("Add", net.conv(x, 3, 4, 1), net.conv(net.conv(x, 3, 4, 5), 4, 4, 5))
    assert op_types(check(net.model(y))) == ["Image", "Conv", "Conv", "Conv"]


def test_sum_of_three_and_of_a_tensor_with_itself(net, check):
    a = net.conv(net.input(1, 3, 16, 16), 3, 4)
    y = net.op("Sum", a, net.op("MaxPool", a, kernel_shape=[3, 3], pads=[1] * 4), net.op("Add", a, a))
    assert all_local(check(net.model(y)))


def test_zero_padding_goes_into_convolutions_and_pools(net, check):
    x = net.op("Relu", net.conv(net.input(1, 3, 17, 16), 3, 4))
    pads = net.const([0, 0, 1, 0, 0, 0, 2, 1], np.int64)
    padded = net.op("Pad", x, pads)
    y = net.conv(padded, 4, 4, 3, pads=[0, 0, 0, 0], strides=[2, 2])
    average = net.op("AveragePool", padded, kernel_shape=[3, 3], strides=[2, 2])
    largest = net.op("MaxPool", padded, kernel_shape=[3, 3], strides=[2, 2])
    found = check(net.model(y, average, largest))
    assert sorted(op_types(found)) == ["AveragePool", "Conv", "Conv", "Image", "MaxPool"]


def test_zero_padding_that_a_max_pool_sees(net, check):
    x = net.conv(net.input(1, 3, 16, 16), 3, 4)
    padded = net.op("Pad", x, net.const([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    assert all_local(check(net.model(net.op("MaxPool", padded, kernel_shape=[3, 3], strides=[2, 2]))))


def focus(net, x):
    """YOLOX's: four pictures of every other pixel."""
    parts = []
    for dx in (0, 1):
        for dy in (0, 1):
            y = net.op("Slice", x, net.const([dy]), net.const([2**62]), net.const([2]), net.const([2]))
            parts.append(net.op("Slice", y, net.const([dx]), net.const([2**62]), net.const([3]), net.const([2])))
    return net.op("Concat", *parts, axis=1)


def test_focus_goes_into_the_convolution(net, check):
    y = net.conv(focus(net, net.input(1, 3, 24, 20)), 12, 8)
    found = check(net.model(y))
    assert op_types(found) == ["Image", "Conv"] and found["macs"] == 12 * 10 * 8 * 12 * 9


def test_space_to_depth_goes_into_the_convolution(net, check):
    y = net.conv(net.op("SpaceToDepth", net.input(1, 3, 24, 24), blocksize=4), 48, 8, strides=[2, 2])
    assert op_types(check(net.model(y))) == ["Image", "Conv"]


def shuffle(net, x, channels, size):
    y = net.op("Reshape", x, net.const([1, 2, channels // 2, *size]))
    return net.op("Reshape", net.op("Transpose", y, perm=[0, 2, 1, 3, 4]), net.const([1, channels, *size]))


def test_channel_shuffle_and_split(net, check):
    x = net.conv(net.input(1, 3, 16, 16), 3, 8)
    a, b = net.op("Split", shuffle(net, x, 8, (16, 16)), outputs=2, axis=1)
    y = net.op("Concat", a, net.conv(b, 4, 4), axis=1)
    found = check(net.model(y))
    # Neither half needs the other: each is one map of the convolution.
    assert op_types(found) == ["Image", "Conv", "ChannelMap", "ChannelMap", "Conv", "Concat"]


def test_channel_slice_gather_and_padding(net, check):
    x = net.conv(net.input(1, 3, 16, 16), 3, 8)
    a = net.op("Slice", x, net.const([1]), net.const([6]), net.const([1]))
    b = net.op("Gather", x, net.const([7, 0, 2]), axis=1)
    c = net.op("Pad", b, net.const([0, 1, 0, 0, 0, 2, 0, 0]))
    found = check(net.model(a, c))
    assert sorted(op_types(found)) == ["ChannelMap", "ChannelMap", "Conv", "Image"]


def test_pools_of_one_tensor_become_a_cascade(net, check):
    x = net.conv(net.input(1, 3, 40, 40), 3, 4)
    pools = [net.op("MaxPool", x, kernel_shape=[k, k], pads=[k // 2] * 4, strides=[1, 1]) for k in (13, 5, 9)]
    y = net.op("Concat", x, *pools, axis=1)
    found = check(net.model(y))
    assert op_types(found).count("MaxPool") == 3


@pytest.mark.parametrize(
    "attributes",
    [
        {"op": "MaxPool", "kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
        {"op": "MaxPool", "kernel_shape": [2, 3], "dilations": [2, 2]},
        {"op": "AveragePool", "kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
        {"op": "AveragePool", "kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 0, 1, 0], "count_include_pad": 1},
        {"op": "GlobalAveragePool"},
        {"op": "GlobalMaxPool"},
    ],
)
def test_pools(net, check, attributes):
    attributes = dict(attributes)
    y = net.op(attributes.pop("op"), net.input(1, 3, 16, 18), **attributes)
    assert all_local(check(net.model(y)))


@pytest.mark.parametrize("size", [(32, 40), (24, 30), (9, 13)])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("coordinates", ["asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"])
def test_resize(net, check, mode, coordinates, size):
    x = net.conv(net.input(1, 3, 16, 20), 3, 4)
    attributes = {"mode": mode, "coordinate_transformation_mode": coordinates}
    if mode == "nearest":
        attributes["nearest_mode"] = "floor"
    y = net.op("Resize", x, "", "", net.const([1, 4, *size]), **attributes)
    assert op_types(check(net.model(y))) == ["Image", "Conv", "Resize"]


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_upsample_of_an_old_opset(net, check, mode):
    net.opset = 9
    x = net.conv(net.input(1, 3, 16, 20), 3, 4)
    y = net.op("Upsample", x, net.const([1, 1, 2, 3], np.float32), mode=mode)
    assert op_types(check(net.model(y)))[-1] == "Resize"


def test_squeeze_and_excite(net, check):
    """A factor for each channel of the whole picture: brought to the picture's size, and multiplied."""
    x = net.conv(net.input(1, 3, 16, 16), 3, 8)
    s = net.op("ReduceMean", x, axes=[2, 3], keepdims=1)
    s = net.op("Sigmoid", net.conv(net.op("Relu", net.conv(s, 8, 2, 1)), 2, 8, 1))
    assert all_local(check(net.model(net.op("Mul", x, s)), fewer=True))


def test_one_map_times_all_channels(net, check):
    x = net.conv(net.input(1, 3, 16, 16), 3, 8)
    y = net.op("Mul", net.op("Sigmoid", net.conv(x, 8, 1)), x)
    assert all_local(check(net.model(y)))


def test_what_does_nothing_is_taken_out(net, check):
    x = net.op("Identity", net.conv(net.input(1, 3, 16, 16), 3, 4))
    x = net.op("Dropout", net.op("Reshape", x, net.const([1, 4, 16, 16])))
    y = net.op("Identity", net.conv(net.op("Concat", x, axis=1), 4, 4))
    assert op_types(check(net.model(y))) == ["Image", "Conv", "Conv"]


def test_shapes_computed_at_run_time_are_folded(net, check):
    x = net.conv(net.input(1, 3, 16, 16), 3, 4)
    size = net.op("Slice", net.op("Shape", x), net.const([2]), net.const([4]), net.const([0]))
    target = net.op("Concat", net.const([1, 4]), net.op("Mul", size, net.const([2, 2])), axis=0)
    y = net.op(
        "Resize", x, "", "", target, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    )
    assert op_types(check(net.model(y))) == ["Image", "Conv", "Resize"]
