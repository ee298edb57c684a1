import numpy as np
import pytest

from patchskip import PatchskipError
from patchskip.runtime.tensorrt import onnx_file

onnx = pytest.importorskip("onnx")
helper = onnx.helper


def network(*nodes, initializers=(), inputs=(), outputs=()):
    nodes = nodes or [helper.make_node("Relu", ["x"], ["y"])]
    graph = helper.make_graph(list(nodes), "net", list(inputs), list(outputs), list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("patchskip", 1)])
    model.metadata_props.add(key="k", value="v")
    return model


ATTRIBUTES = {
    "a_float": 0.5,
    "an_int": -3,
    "large": 2**40,
    "text": "größer",
    "floats": [1.5, -2.5],
    "ints": [1, -1, 300],
    "texts": ["a", "b"],
}


def test_attributes():
    tensor = onnx.numpy_helper.from_array(np.ones(3, np.float32))
    model = network(helper.make_node("Op", ["x", ""], ["y"], name="n", domain="d", value=tensor, **ATTRIBUTES))
    found = onnx_file.read(model.SerializeToString())
    (node,) = found.graph.nodes
    assert node.attributes == ATTRIBUTES
    assert (node.op_type, node.name, node.domain) == ("Op", "n", "d")
    assert (node.inputs, node.outputs) == (["x", ""], ["y"])
    node.set_attribute("an_int", 4)
    node.set_attribute("new", [0.25])
    node.inputs = ["a", "b", "c"]
    (made,) = onnx.ModelProto.FromString(found.encode()).graph.node
    expected = dict(ATTRIBUTES, an_int=4, new=[0.25])
    assert {a.name: helper.get_attribute_value(a) for a in made.attribute if a.name != "value"} == {
        name: [v.encode() for v in value] if name == "texts" else value.encode() if name == "text" else value
        for name, value in expected.items()
    }
    assert made.input == ["a", "b", "c"] and [a.t for a in made.attribute if a.name == "value"] == [tensor]


@pytest.mark.parametrize(
    "dtype, raw", [(d, raw) for d in onnx_file.NUMBERS for raw in (True, False) if raw or d != np.float64], ids=str
)
def test_tensors(rng, dtype, raw):
    array = (rng.normal(size=(3, 2)) * 4).astype(dtype)
    values = array.tobytes() if raw else array.ravel()
    tensor = helper.make_tensor("t", onnx_file.NUMBERS[dtype], array.shape, values, raw=raw)
    (found,) = onnx_file.read(network(initializers=[tensor]).SerializeToString()).graph.initializers
    assert found.name == "t" and found.array().dtype == dtype
    np.testing.assert_array_equal(found.array(), array)
    made = onnx.TensorProto.FromString(onnx_file.Tensor.of("t", array).encode())
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(made), array)


def test_inputs_and_outputs():
    value = helper.make_tensor_value_info
    model = network(
        inputs=[value("x", 1, [1, 3, 8, 8]), value("n", 2, [1, "batch"])],
        outputs=[value("s", 10, []), value("u", 1, None)],
    )
    found = onnx_file.read(model.SerializeToString())
    described = [(v.name, v.dtype, v.shape) for v in found.graph.inputs + found.graph.outputs]
    assert described == [
        ("x", np.float32, (1, 3, 8, 8)),
        ("n", np.uint8, (1, 0)),
        ("s", np.float16, ()),
        ("u", np.float32, ()),
    ]
    found.graph.inputs[0].dtype = np.float16
    found.graph.outputs += [onnx_file.Value.of("y", np.int32, (2, 4))]
    made = onnx.ModelProto.FromString(found.encode())
    assert made.graph.input[0] == value("x", 10, [1, 3, 8, 8]) and made.graph.output[-1] == value("y", 6, [2, 4])


def test_what_is_not_changed_stays(data):
    for path in sorted((data / "weights").glob("*.onnx")):
        content = path.read_bytes()
        model = onnx_file.read(content)
        assert len([tensor.array() for tensor in model.graph.initializers]) > 0
        assert model.encode() == content


def test_properties_and_opsets():
    model = onnx_file.read(network().SerializeToString())
    assert (model.opset(), model.opset("patchskip"), model.opset("other")) == (13, 1, 0)
    assert (model.property("k"), model.property("none")) == ("v", None)
    model.set_property("k", "w")
    model.set_property("new", "n")
    made = onnx.ModelProto.FromString(model.encode())
    assert [(entry.key, entry.value) for entry in made.metadata_props] == [("k", "w"), ("new", "n")]


def test_not_a_whole_model(rng):
    tensor = onnx.numpy_helper.from_array(np.ones((3, 3), np.float32), "t")
    value = helper.make_tensor_value_info("x", 1, [3, 3])
    whole = network(inputs=[value], outputs=[value], initializers=[tensor]).SerializeToString()
    onnx_file.read(whole)
    properties = len(whole) - whole.index(helper.make_opsetid("", 13).SerializeToString())
    contents = [
        b"",
        b"this is no network\n" * 50,
        rng.bytes(5000),
        *(whole[:n] for n in range(len(whole) - properties)),
    ]
    for content in contents:
        with pytest.raises(PatchskipError, match="not an ONNX file, or it is truncated; export or copy it again"):
            onnx_file.read(content)


def test_damaged_models_raise_nothing_else(rng):
    tensor = onnx.numpy_helper.from_array(np.ones((3, 3), np.float32), "t")
    node = helper.make_node("Op", ["x"], ["y"], **ATTRIBUTES)
    whole = np.frombuffer(network(node, initializers=[tensor]).SerializeToString(), np.uint8)
    for _ in range(500):
        damaged = whole.copy()
        damaged[rng.randint(len(whole), size=3)] = rng.randint(256, size=3)
        try:
            onnx_file.read(damaged.tobytes()).encode()
        except PatchskipError:
            pass


def test_weights_in_another_file():
    tensor = onnx.numpy_helper.from_array(np.ones(3, np.float32), "the.weight")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(PatchskipError, match="the.weight are in another file; join"):
        onnx_file.read(network(initializers=[tensor]).SerializeToString())


def test_a_tensor_of_another_size():
    tensor = onnx.numpy_helper.from_array(np.ones(3, np.float32), "t")
    tensor.dims[0] = 4
    (found,) = onnx_file.read(network(initializers=[tensor]).SerializeToString()).graph.initializers
    with pytest.raises(PatchskipError, match=r"tensor t has 3 values for the shape \[4\]"):
        found.array()
