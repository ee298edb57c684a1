"""What is computed inside the pointwise convolution that reads it, and what is not. `check` compares with dense."""

import numpy as np
import pytest
from export_support import Stream, assert_close, dense_runner, evaluators, random_feeds
from onnx import helper

from patchskip.export import convert
from patchskip.export.metadata import metadata_of


def nodes(model):
    """name -> (op_type, {attribute: value}) of the export's PatchSkip nodes."""
    found = {}
    for node in model.graph.node:
        if node.op_type == "PatchSkip":
            values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            found[node.name] = values.pop("op_type").decode(), values
    return found


def exported(model, **options):
    return nodes(convert(model, **{"patch": 4, **options}).model)


def stem(net, channels=4):
    return net.op("Relu", net.conv(net.input(1, 3, 32, 32), 3, channels, name="stem"))


def depthwise(net, x, channels=4, k=3, **attributes):
    return net.conv(x, channels, channels, k, group=channels, name="first", **attributes)


def pointwise(net, x, c_in=4, c_out=6, k=1, **attributes):
    return net.conv(x, c_in, c_out, k, name="second", **attributes)


SILU = lambda net, x: net.op("Mul", x, net.op("Sigmoid", x))  # noqa: E731
ACTIVATIONS = {
    "None": lambda net, x: x,
    "Relu": lambda net, x: net.op("Relu", x),
    "Clip": lambda net, x: net.op("Clip", x, net.const(0.0, np.float32), net.const(6.0, np.float32)),
    "LeakyRelu": lambda net, x: net.op("LeakyRelu", x, alpha=0.125),
    "PRelu": lambda net, x: net.op("PRelu", x, net.weight(4, 1, 1)),
    "SiLU": SILU,
    "HardSigmoid": lambda net, x: net.op("HardSigmoid", x, alpha=0.2, beta=0.5),
    "Sigmoid": lambda net, x: net.op("Sigmoid", x),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("joined", ["SeparableConv", "ConcatConv"])
def test_a_layer_joins_with_its_activation(net, check, joined, activation):
    x = stem(net)
    if joined == "SeparableConv":
        between = ACTIVATIONS[activation](net, depthwise(net, x))
    else:
        between = ACTIVATIONS[activation](net, net.op("Concat", net.conv(x, 4, 2), net.conv(x, 4, 2), axis=1))
    model = net.model(net.op("Relu", pointwise(net, between)))
    check(model)
    op_type, found = exported(model)["second"]
    assert op_type == joined and found["activation"] == b"Relu" and "first" not in exported(model)
    assert found.get("inner_activation", b"None").decode() == activation


@pytest.mark.parametrize(
    "geometry",
    [
        dict(k=5),
        dict(strides=[2, 2]),
        dict(k=5, strides=[2, 2], pads=[1, 1, 2, 2]),
        dict(strides=[2, 2], pads=[0, 0, 1, 1]),
        dict(dilations=[2, 2], pads=[2, 2, 2, 2]),
    ],
    ids=str,
)
def test_a_depthwise_convolution_of_any_geometry_joins(net, check, geometry):
    model = net.model(pointwise(net, net.op("Relu", depthwise(net, stem(net), **geometry))))
    check(model)
    assert exported(model)["second"][0] == "SeparableConv"


@pytest.mark.parametrize("residual", ["before", "after"])
def test_the_residual_is_the_outer_one_s(net, check, residual):
    x = stem(net)
    y = pointwise(net, net.op("Relu", depthwise(net, x)), 4, 4)
    y = net.op("Relu", net.op("Add", y, x)) if residual == "before" else net.op("Add", net.op("Relu", y), x)
    model = net.model(net.conv(y, 4, 4))
    check(model)
    op_type, found = exported(model)["second"]
    assert op_type == "SeparableConv" and found["residual"].decode() == residual


def two_halves(net, x, c_in):
    """As a CSP block: one half goes through a kernel, then both are joined; the other is computed where that is."""
    short, long = net.conv(x, c_in, 4, 1, name="short"), net.conv(x, c_in, 4, 1, name="long")
    return net.op("Concat", short, net.conv(net.op("Relu", long), 4, 4), axis=1)


@pytest.mark.parametrize("gate", ["exact", "delta"])
def test_a_concat_is_joined_inside_each_of_its_readers(net, check, gate):
    x = stem(net)
    between = net.op("Concat", net.op("Relu", net.conv(x, 4, 16)), net.conv(x, 4, 32, 1), axis=1)
    model = net.model(net.conv(two_halves(net, between, 48), 8, 4, 1, name="last"))
    if gate == "exact":
        check(model)
    found = exported(model, gate=gate)
    assert [found[name][0] for name in ("short", "long", "last")] == ["ConcatConv"] * 3
    assert "Concat" not in [op_type for op_type, _ in found.values()]


def test_in_place_of_a_concat_its_inputs_are_kept(net, check):
    """Where its readers look at different patches: `short` waits for what a kernel spreads."""
    x = stem(net)
    parts = [net.op("Relu", net.conv(x, 4, channels)) for channels in (16, 32)]
    model = net.model(net.conv(two_halves(net, net.op("Concat", *parts, axis=1), 48), 8, 4))
    channels = [state["shape"][3] for state in check(model)["states"]]
    assert {16, 32} <= set(channels) and 48 not in channels


def test_joining_changes_no_multiplications(net):
    x = stem(net)
    model = net.model(pointwise(net, depthwise(net, x)))
    macs = {layer["name"]: layer["macs"] for layer in metadata_of(convert(model).model)["layers"]}
    assert macs["second"] == 32 * 32 * (4 * 9 + 4 * 6)


def grouped(net, x):
    return pointwise(net, net.conv(x, 4, 4, group=2, name="first"))


def multiplied(net, x):
    """Two outputs for each channel."""
    return pointwise(net, net.op("Conv", x, net.weight(8, 1, 3, 3), group=4, pads=[1] * 4, name="first"), 8)


def with_a_residual(net, x):
    return pointwise(net, net.op("Add", depthwise(net, x), x))


def read_twice(net, x):
    y = depthwise(net, x)
    return net.op("Add", pointwise(net, y), net.conv(y, 4, 6, 1))


def a_concat_read_by_a_kernel_too(net, x):
    both = net.op("Concat", net.conv(x, 4, 2), net.conv(x, 4, 2), axis=1)
    return net.op("Add", pointwise(net, both), net.conv(both, 4, 6, 3))


def read_by_a_kernel(net, x):
    return pointwise(net, depthwise(net, x), k=3)


def read_in_strides(net, x):
    return pointwise(net, depthwise(net, x), strides=[2, 2])


def read_in_groups(net, x):
    return pointwise(net, depthwise(net, x), group=2)


def read_with_padding(net, x):
    return pointwise(net, depthwise(net, x), pads=[1, 1, 1, 1])


def read_as_the_residual(net, x):
    return net.op("Add", pointwise(net, x, 4, 4), depthwise(net, x))


def not_depthwise(net, x):
    return pointwise(net, net.op("Relu", net.conv(x, 4, 4, name="first")))


APART = [
    grouped,
    multiplied,
    with_a_residual,
    read_twice,
    a_concat_read_by_a_kernel_too,
    read_by_a_kernel,
    read_in_strides,
    read_in_groups,
    read_with_padding,
    read_as_the_residual,
    not_depthwise,
]


@pytest.mark.parametrize("network", APART)
def test_others_stay_apart(net, check, network):
    model = net.model(network(net, stem(net)))
    check(model)
    assert {op_type for op_type, _ in exported(model).values()} <= {"Image", "Conv", "Add", "Concat", "Planes"}


@pytest.mark.parametrize("joined", ["SeparableConv", "ConcatConv"])
def test_what_is_kept_stays_apart(net, check, joined):
    x = stem(net)
    between = depthwise(net, x) if joined == "SeparableConv" else net.op("Concat", net.conv(x, 4, 2), x, axis=1)
    model = net.model(pointwise(net, between, 4 if joined == "SeparableConv" else 6), between)
    check(model)
    assert joined not in [op_type for op_type, _ in exported(model).values()]


def test_the_pair_has_one_gate_on_its_result(net, rng):
    y = net.op("Relu", pointwise(net, net.op("Relu", depthwise(net, stem(net))), 4, 4))
    model = net.model(net.conv(y, 4, 32, name="head"))
    op_type, found = exported(model, gate="delta", threshold=0.1)["second"]
    assert op_type == "SeparableConv" and found["threshold"] > 0 and found["cell"] == 2
    # So small a threshold that nothing stops: one corner changes, and what it reaches is dense's.
    gated = convert(model, gate="delta", threshold=1e-7, halo="full", patch=4).model
    first = random_feeds(model, rng)
    second = {name: value.copy() for name, value in first.items()}
    second["images"][:, :, :2, :2] += 1
    for run in evaluators(gated).values():
        stream = Stream(gated, run)
        for frame in (first, second):
            out, (expected,) = stream.infer(frame), dense_runner(model)(frame).values()
            assert_close(out[stream.metadata["outputs"][0]["name"]], expected)
        assert 0 < stream.active(out) < stream.active(Stream(gated, run).infer(second))
