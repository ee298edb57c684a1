"""Where the local region ends, begins again, and what its tails become."""

import numpy as np
import onnx
import pytest
from export_support import Stream, assert_close, dense_runner, evaluators, op_types, random_network

from patchskip.export import convert
from patchskip.export.metadata import metadata_of
from patchskip.export.preprocess import PRESETS, normalised
from patchskip.runtime.errors import PatchskipError


def dense_types(metadata):
    return [node["op_type"] for node in metadata["dense"]]


def tail(net, levels, pixels_first):
    """Heads of several scales, joined as [1, N, C]."""
    rows = []
    for x, (height, width) in levels:
        if pixels_first:
            rows.append(net.op("Reshape", net.op("Transpose", x, perm=[0, 2, 3, 1]), net.const([1, height * width, 5])))
        else:
            rows.append(net.op("Reshape", x, net.const([1, 5, -1])))
    if pixels_first:
        return net.op("Concat", *rows, axis=1) if len(rows) > 1 else rows[0]
    joined = net.op("Concat", *rows, axis=2) if len(rows) > 1 else rows[0]
    return net.op("Transpose", joined, perm=[0, 2, 1])


@pytest.mark.parametrize("pixels_first", [False, True])
@pytest.mark.parametrize("levels", [1, 3])
def test_detection_tail_becomes_flatten(net, check, pixels_first, levels):
    x, heads, size = net.input(1, 3, 32, 40), [], (32, 40)
    channels = 3
    for _ in range(levels):
        x = net.op("Relu", net.conv(x, channels, 6, strides=[2, 2]))
        channels, size = 6, (size[0] // 2, size[1] // 2)
        heads.append((net.op("Concat", net.conv(x, 6, 4, 1), net.op("Sigmoid", net.conv(x, 6, 1, 1)), axis=1), size))
    y = tail(net, heads, pixels_first)
    found = check(net.model(y))
    assert op_types(found)[-1] == "Flatten" and not found["dense"]
    assert next(s for s in found["states"] if s["output"] == y)["shape"] == found["outputs"][0]["shape"]


def test_rows_that_hold_several_anchors_stay_dense(net, check):
    x = net.conv(net.input(1, 3, 16, 16), 3, 10)
    y = net.op("Reshape", net.op("Transpose", x, perm=[0, 2, 3, 1]), net.const([1, 512, 5]))
    found = check(net.model(y))
    assert dense_types(found) == ["Transpose", "Reshape"] and all(node["reason"] for node in found["dense"])


def test_a_transpose_behind_the_boundary_is_one_with_ours(net):
    x = net.conv(net.input(1, 3, 16, 12), 3, 4)
    y = net.op("Exp", net.op("Transpose", x, perm=[0, 2, 3, 1]))
    types = [node.op_type for node in convert(net.model(y)).model.graph.node]
    assert "Transpose" not in types and types.count("Identity") == 1


def test_classifier_head_stays_dense(net, check):
    x = net.op("Relu", net.conv(net.input(1, 3, 16, 16), 3, 8))
    flat = net.op("Flatten", net.op("GlobalAveragePool", x))
    y = net.op("Softmax", net.op("Gemm", flat, net.weight(10, 8), net.weight(10), transB=1))
    found = check(net.model(y))
    assert dense_types(found) == ["Flatten", "Gemm", "Softmax"]
    assert found["coverage"] == pytest.approx(1 - 80 / found["macs"]) and found["dense"][1]["macs"] == 80


def test_the_region_begins_again_behind_a_dense_node(net, check):
    x = net.conv(net.input(1, 3, 16, 16), 3, 4)
    y = net.conv(net.op("Tanh", x), 4, 4)
    found = check(net.model(y))
    assert op_types(found) == ["Image", "Conv", "Image", "Conv"] and dense_types(found) == ["Tanh"]


def test_nothing_begins_again_where_nothing_is_multiplied(net, check):
    x = net.conv(net.input(1, 3, 16, 16), 3, 4)
    y = net.op("Concat", net.op("Softmax", x, axis=1), x, axis=1)
    found = check(net.model(y))
    assert dense_types(found) == ["Softmax", "Concat"] and "softmax" in found["dense"][1]["reason"]


def test_a_shuffle_of_a_dense_tensor_stays_what_it_was(net, check):
    x = net.op("Tanh", net.conv(net.input(1, 3, 16, 16), 3, 4))
    y = net.op("Reshape", x, net.const([1, 2, 2, 16, 16]))
    y = net.op("Reshape", net.op("Transpose", y, perm=[0, 2, 1, 3, 4]), net.const([1, 4, 16, 16]))
    assert dense_types(check(net.model(y))) == ["Tanh", "Reshape", "Transpose", "Reshape"]


def test_tensors_inside_that_are_outputs_too(net, check):
    a = net.conv(net.input(1, 3, 16, 16), 3, 4)
    b = net.op("Relu", a)
    found = check(net.model(a, b, net.conv(b, 4, 1)))
    assert [o["shape"] for o in found["outputs"]] == [[1, 4, 16, 16], [1, 4, 16, 16], [1, 1, 16, 16]]


def test_two_images_of_different_sizes(net, check):
    a, b = net.input(1, 3, 32, 32, name="large"), net.input(1, 2, 16, 16, name="small")
    y = net.op("Concat", net.conv(a, 3, 4, strides=[2, 2]), net.conv(b, 2, 4), axis=1)
    found = check(net.model(y))
    assert op_types(found).count("Image") == 2


def test_an_input_that_is_no_picture(net, check):
    x, scale = net.input(1, 3, 16, 16), net.input(1, 3, name="scale")
    y = net.op("Flatten", net.op("GlobalAveragePool", net.conv(x, 3, 3)))
    found = check(net.model(net.op("Mul", y, scale)))
    assert found["inputs"][1]["layout"] == ""


@pytest.mark.parametrize("size", [(33, 47), (7, 5), (3, 64), (50, 30)])
@pytest.mark.parametrize("patch", [1, 8, 64])
def test_odd_sizes_and_patches(net, check, size, patch):
    x = net.op("Relu", net.conv(net.input(1, 3, *size), 3, 4, strides=[2, 2]))
    y = net.conv(x, 4, 4, strides=[2, 2])
    z = net.op("Resize", y, "", "", net.const([1, 4, *[-(-n // 2) for n in size]]), mode="linear")
    check(net.model(net.op("Add", z, x)), patch=patch, fewer=patch < 8 and min(size) > 8)


def test_an_input_nobody_reads_and_one_only_dense_nodes_read(net, check):
    x = net.input(1, 3, 16, 16)
    other = net.input(1, 4, 16, 16, name="other")
    net.input(1, 2, 4, 4, name="unused")
    check(net.model(net.op("Max", other, net.conv(x, 3, 4))))


# -- the frame itself as input


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize("gate", ["exact", "delta"])
def test_u8_input_is_the_preprocessed_one(net, rng, preset, gate):
    model = net.model(net.conv(net.input(1, 3, 24, 16), 3, 4))
    exported = convert(model, input="u8", preset=preset, patch=4, gate=gate, threshold=1e-6).model
    metadata = metadata_of(exported)
    assert metadata["inputs"] == [{"name": "images", "shape": [1, 24, 16, 3], "dtype": "uint8", "layout": "NHWC"}]
    frame = rng.integers(0, 256, (24, 16, 3)).astype(np.uint8)
    expected = dense_runner(model)({"images": normalised(frame, PRESETS[preset])})
    for run in evaluators(exported).values():
        out = Stream(exported, run).infer({"images": frame[None]})
        for name, value in expected.items():
            assert_close(out[name], value)


def test_u8_input_that_a_dense_node_reads(net, rng):
    x = net.input(1, 3, 16, 16)
    y = net.op("Tanh", x)
    model = net.model(y, net.conv(x, 3, 4))
    exported = convert(model, input="u8", preset="unit", patch=4).model
    frame = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
    expected = dense_runner(model)({"images": normalised(frame, PRESETS["unit"])})
    for run in evaluators(exported).values():
        assert_close(Stream(exported, run).infer({"images": frame[None]})[y], expected[y])


def test_u8_needs_three_channels(net):
    model = net.model(net.conv(net.input(1, 1, 16, 16), 1, 4))
    with pytest.raises(PatchskipError, match="3 channels"):
        convert(model, input="u8")


# -- form of the result


def test_names_shapes_and_order_are_the_specifications(net):
    x = net.op("Relu", net.conv(net.input(1, 3, 16, 16), 3, 4))
    model = net.model(net.op("Tanh", x), x)
    exported = convert(model, patch=4, metadata={"source_sha256": "0"}).model
    found = metadata_of(exported)
    graph = exported.graph
    names = [value.name for value in graph.output]
    states = [s["output"] for s in found["states"] if s["output"] not in [o["name"] for o in found["outputs"]]]
    assert names == [v.name for v in model.graph.output] + states + [m["name"] for m in found["masks"]]
    assert [v.name for v in graph.input] == ["images"] + [s["input"] for s in found["states"]]
    assert {layer["mask"] for layer in found["layers"]} == {m["name"] for m in found["masks"]}
    assert exported.ir_version <= 8 and found["format"] == 1 and found["source_sha256"] == "0"
    inputs = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.input}
    assert all(inputs[s["input"]] == s["shape"] for s in found["states"])
    onnx.checker.check_model(exported)


@pytest.mark.parametrize("gate", ["exact", "delta"])
def test_the_same_network_gives_the_same_bytes(net, gate):
    x = net.op("Relu", net.conv(net.input(1, 3, 16, 16), 3, 4))
    model = net.model(net.conv(net.op("Add", x, net.conv(x, 4, 4)), 4, 4))
    first, second = (convert(model, gate=gate).model.SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_a_model_is_left_as_it_was(net):
    model = net.model(net.conv(net.input(1, 3, 16, 16), 3, 4))
    before = model.SerializeToString(deterministic=True)
    convert(model, input_size=(32, 32), gate="delta")
    assert model.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("number", range(8))
def test_random_networks(net, check, rng, number):
    """A few operators in any order: what is exported computes what it was exported from."""
    check(random_network(net, rng), fewer=False)
