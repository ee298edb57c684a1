"""How tensors leave the skipping part: what changed of them is laid out NCHW."""

import numpy as np
import pytest
from export_support import Stream, assert_close, dense_runner, evaluators, random_feeds

from patchskip.export import analyse, convert
from patchskip.export.metadata import metadata_of
from patchskip.export.preprocess import PRESETS, normalised


def states(metadata):
    return {state["output"]: state["shape"] for state in metadata["states"]}


def layers(metadata):
    return {layer["name"]: layer for layer in metadata["layers"]}


def standard_nodes(model):
    return [node.op_type for node in model.graph.node if node.domain != "patchskip"]


def stem(net):
    return net.op("Relu", net.conv(net.input(1, 3, 32, 24), 3, 4))


def test_an_output_is_kept_as_the_user_reads_it_and_not_a_second_time(net, check):
    y = net.conv(stem(net), 4, 5)
    model = net.model(y)
    found = check(model)
    assert layers(found)[y + ".planes"]["op_type"] == "Planes"
    assert states(found)[y] == [1, 5, 32, 24] and y + ".nhwc" not in states(found)
    assert not standard_nodes(convert(model).model)


def test_so_is_what_a_dense_node_reads(net, check):
    x = net.conv(stem(net), 4, 5)
    model = net.model(net.op("Tanh", x))
    found = check(model)
    assert states(found)[x] == [1, 5, 32, 24] and x + ".nhwc" not in states(found)
    assert standard_nodes(convert(model).model) == ["Tanh"]


def test_what_a_pointwise_layer_reads_too_is_kept_once(net, check):
    x = stem(net)
    assert x + ".nhwc" not in states(check(net.model(x, net.conv(x, 4, 4, 1))))


def test_what_a_kernel_reads_too_is_kept_in_both_layouts(net, check):
    x = stem(net)
    found = states(check(net.model(x, net.conv(x, 4, 4))))
    assert found[x] == [1, 4, 32, 24] and found[x + ".nhwc"] == [1, 32, 24, 4]


def test_a_transpose_beside_another_dense_node(net, check):
    x = stem(net)
    check(net.model(net.op("Tanh", x), net.op("Exp", net.op("Transpose", x, perm=[0, 2, 3, 1]))))


@pytest.mark.parametrize("channels,size", [(1, (16, 16)), (4, (1, 1))])
def test_what_is_the_same_memory_is_not_moved(net, check, channels, size):
    y = net.conv(net.input(1, 3, 16, 16), 3, channels)
    y = y if size == (16, 16) else net.op("GlobalAveragePool", y)
    model = net.model(y)
    check(model, fewer=size != (1, 1))
    assert standard_nodes(convert(model).model) == ["Reshape"]


@pytest.mark.parametrize("halo", ["full", "none"])
def test_an_output_with_a_gate_is_laid_out_where_it_passed(net, rng, halo):
    x = net.op("Relu", net.conv(net.input(1, 3, 32, 32), 3, 4, name="stem"))
    model = net.model(x, net.conv(x, 4, 4))
    exported = convert(model, gate="delta", gates={"images": 0.01, "stem": 0.2}, halo=halo, patch=4).model
    found = metadata_of(exported)
    assert layers(found)[x + ".planes"]["mask"] == x + ".nhwc.changed" != layers(found)["stem"]["mask"]
    first = random_feeds(model, rng)
    noise = rng.normal(size=(1, 3, 32, 32)) * np.linspace(0, 2, 32)  # more of it to the right
    second = {"images": first["images"] + noise.astype(np.float32)}
    for run in evaluators(exported).values():
        stream = Stream(exported, run)
        stream.infer(first)
        out = stream.infer(second)
        assert 0 < out[x + ".nhwc.changed"].mean() < 1
        assert np.array_equal(out[x], out[x + ".nhwc"].transpose(0, 3, 1, 2))


@pytest.mark.parametrize("perm", [None, [0, 2, 3, 1]])
def test_a_frame_that_a_dense_node_reads(net, rng, perm):
    """It was made for numbers, NCHW."""
    x = net.input(1, 3, 16, 24)
    model = net.model(net.op("Transpose", x, perm=perm) if perm else net.op("Tanh", x), net.conv(x, 3, 4))
    exported = convert(model, input="u8", preset="unit", patch=4).model
    frame = rng.integers(0, 256, (16, 24, 3)).astype(np.uint8)
    expected = dense_runner(model)({"images": normalised(frame, PRESETS["unit"])})
    for run in evaluators(exported).values():
        out = Stream(exported, run).infer({"images": frame[None]})
        for name, value in expected.items():
            assert_close(out[name], value)


def test_a_network_is_emitted_alike_every_time(net):
    x = stem(net)
    analysis = analyse(net.model(x, net.op("Tanh", net.conv(x, 4, 4))))
    assert analysis.emit().SerializeToString(deterministic=True) == analysis.emit().SerializeToString(
        deterministic=True
    )
