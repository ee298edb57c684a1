"""Which tensors are kept: each rule has a network that goes wrong without the cache, and others that need none.

What is computed without a cache is NaN outside the active patches in numpy's evaluator, so a tensor that should have
been kept shows in the output.
"""

import numpy as np
import onnx
import pytest
from export_support import Stream, assert_close, dense_runner, evaluators, random_feeds, random_network
from onnx import helper

from patchskip.export import convert
from patchskip.export.metadata import metadata_of, set_metadata


def kept(metadata):
    return {state["output"] for state in metadata["states"]}


def forget(model, tensor):
    """The export with one cache fewer."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    metadata = metadata_of(model)
    state = next(state for state in metadata["states"] if state["output"] == tensor)
    node = next(node for node in model.graph.node if node.output[0] == tensor)
    node.input[1] = ""
    node.attribute.append(helper.make_attribute("shape", state["shape"]))
    metadata["states"].remove(state)
    model.graph.input.remove(next(value for value in model.graph.input if value.name == state["input"]))
    set_metadata(model, metadata)
    return model


def second_frame(model, exported, rng):
    """Outputs after a change in the middle of the picture: (dense, export's in numpy)."""
    first = random_feeds(model, rng)
    second = {name: value.copy() for name, value in first.items()}
    second["images"][:, :, 12:14, 12:14] += 1
    stream = Stream(exported, evaluators(exported)["reference"])
    stream.infer(first)
    return dense_runner(model)(second), stream.infer(second)


def differs(model, exported, rng):
    expected, found = second_frame(model, exported, rng)
    return any(not np.allclose(found[name], value, atol=1e-4) for name, value in expected.items())


def stem(net):
    return net.op("Relu", net.conv(net.input(1, 3, 32, 32), 3, 4))


def a_kernel_reads_it(net):
    x = stem(net)
    return x, [net.conv(x, 4, 4)]


def a_resize_reads_it(net):
    x = stem(net)
    form = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return x, [net.op("Resize", x, "", "", net.const([1, 4, 64, 64]), **form)]


def it_is_an_output_that_need_not_be_laid_out_anew(net):
    x = net.conv(net.input(1, 3, 32, 32), 3, 1)
    return x, [x, net.conv(x, 1, 4, 1)]


def a_transpose_reads_it(net):
    x = stem(net)
    return x, [net.op("Tanh", net.op("Transpose", x, perm=[0, 2, 3, 1])), net.conv(x, 4, 4, 1)]


def it_is_flattened_with_a_coarser_one(net):
    x = stem(net)
    fine, coarse = net.conv(x, 4, 4, 1), net.conv(x, 4, 4, 3, strides=[2, 2])
    rows = [net.op("Reshape", t, net.const([1, 4, -1])) for t in (fine, coarse)]
    return fine, [net.op("Transpose", net.op("Concat", *rows, axis=2), perm=[0, 2, 1])]


def a_sum_reads_it_where_another_input_changed(net):
    """Read on two masks: in place by the one, on more patches by the other."""
    x = stem(net)
    left = net.conv(x, 4, 4, 1)
    right = net.conv(net.conv(x, 4, 4), 4, 4)
    pools = [net.op("GlobalAveragePool", t) for t in (net.op("Relu", left), net.op("Mul", left, right))]
    return left, pools


RULES = [
    a_kernel_reads_it,
    a_resize_reads_it,
    it_is_an_output_that_need_not_be_laid_out_anew,
    a_transpose_reads_it,
    it_is_flattened_with_a_coarser_one,
    a_sum_reads_it_where_another_input_changed,
]


@pytest.mark.parametrize("rule", RULES)
def test_a_tensor_that_is_needed_is_kept(net, rng, rule):
    tensor, outputs = rule(net)
    model = net.model(*outputs)
    exported = convert(model, patch=4).model
    (name,) = {tensor, tensor + ".nhwc"} & kept(metadata_of(exported))
    assert not differs(model, exported, rng)
    assert differs(model, forget(exported, name), rng), "the network does not need the tensor: it shows nothing"


def test_a_tensor_with_a_threshold_is_kept(net):
    """What is between a depthwise and a pointwise convolution, otherwise is not."""
    x = net.conv(stem(net), 4, 4, group=4)
    model = net.model(net.conv(net.conv(x, 4, 4, 1, name="next"), 4, 4))
    assert x not in kept(metadata_of(convert(model).model))
    assert x in kept(metadata_of(convert(model, gate="delta", halo="full").model))


# -- what need not be kept, some of it for being computed where its readers look


def short_branch(net):
    x = stem(net)
    short, long = net.conv(x, 4, 4, 1), net.conv(net.conv(x, 4, 4), 4, 4)
    return [short, long], net.conv(net.op("Concat", short, long, axis=1), 8, 4)


def chain_beside_a_kernel(net):
    """Two layers of the short branch, both only there for the sum."""
    x = stem(net)
    first = net.op("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4)
    second = net.op("Mul", net.op("Sigmoid", first), first)
    return [first, second], net.op("Concat", second, net.conv(x, 4, 4, 7), axis=1)


def inverted_residual(net):
    x = stem(net)
    deep = net.op("Relu", net.conv(net.op("Relu", net.conv(x, 4, 8, 1)), 8, 8, group=8))
    return [deep], net.conv(net.op("Add", net.conv(deep, 8, 4, 1), x), 4, 4)


@pytest.mark.parametrize("network", [short_branch, chain_beside_a_kernel, inverted_residual])
def test_a_tensor_that_is_read_where_it_is_computed_is_not_kept(net, check, network):
    tensors, output = network(net)
    assert not kept(check(net.model(output))) & set(tensors)


@pytest.mark.parametrize("reason", ["an output", "a dense node", "a kernel", "another mask"])
def test_a_layer_that_is_kept_anyway_is_computed_where_it_changed(net, reason):
    x = stem(net)
    short, long = net.conv(x, 4, 4, 1), net.conv(net.conv(x, 4, 4), 4, 4)
    outputs = [net.conv(net.op("Concat", short, long, axis=1), 8, 4, 1)]
    outputs += {
        "an output": lambda: [short],
        "a dense node": lambda: [net.op("Tanh", short)],
        "a kernel": lambda: [net.conv(short, 4, 4)],
        "another mask": lambda: [net.op("Relu", short), net.op("Sigmoid", short)],
    }[reason]()
    metadata = metadata_of(convert(net.model(*outputs)).model)
    masks = {layer["name"]: layer["mask"] for layer in metadata["layers"]}
    assert masks[short + "_node"] == metadata["layers"][1]["mask"], "not the stem's"


def test_a_layer_may_not_wait_for_a_gate_behind_it(net, rng):
    """The long branch decides before the short one is computed, or after it."""
    x = net.op("Relu", net.conv(net.input(1, 3, 32, 32), 3, 4, name="stem"))
    sums = []
    for first, second in (("long1", "short1"), ("short2", "long2")):
        branches = [net.conv(x, 4, 4, 3 if name[0] == "l" else 1, name=name) for name in (first, second)]
        sums.append(net.conv(net.op("Concat", *branches, axis=1), 8, 4, 1))
    model = net.model(*sums)
    thresholds = {"images": 1e-6, "stem": 1e-6, "long1": 1e-6, "short1": 0, "long2": 1e-6, "short2": 0}
    exported = convert(model, gate="delta", halo="full", gates=thresholds, patch=4).model
    onnx.checker.check_model(exported)
    found = metadata_of(exported)
    caches, names = kept(found), {node.name: node.output[0] for node in exported.graph.node}
    assert names["short1"] not in caches and names["short2"] in caches
    assert not differs(model, exported, rng)


def test_a_layer_may_not_wait_for_a_picture_that_comes_later(net, check):
    """The one behind a dense node."""
    x = stem(net)
    left = net.conv(x, 4, 4, 1)
    right = net.conv(net.op("Tanh", x), 4, 4)
    assert left in kept(check(net.model(net.conv(net.op("Mul", left, right), 4, 4)), fewer=False))


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("halo", ["full", "none"])
def test_random_networks_with_gates(net, rng, halo, number):
    model = random_network(net, rng)
    exported = convert(model, gate="delta", threshold=1e-6, halo=halo, patch=4).model
    onnx.checker.check_model(exported)
    expected, found = second_frame(model, exported, rng)
    for name, value in expected.items():
        if halo == "full":
            assert_close(found[name], value, 1e-3)
        else:
            assert np.isfinite(found[name]).all()
