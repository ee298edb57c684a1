import json

import numpy as np
import pytest

from patchskip import PatchskipError
from patchskip.runtime.tensorrt import onnx_file
from patchskip.runtime.tensorrt.prepare import pack_constants, prepare

SHAPE, GRID = (1, 8, 12, 6), (2, 3)


def node(name, op_type, inputs, **attributes):
    made = onnx_file.Node(op_type="PatchSkip", domain="patchskip", name=name, inputs=inputs, outputs=[name + ".y"])
    for key, value in dict(attributes, op_type=op_type, patch=4).items():
        made.set_attribute(key, value)
    return made


def graph(*nodes, **constants):
    value = onnx_file.Value.of
    return onnx_file.Graph(
        nodes=list(nodes),
        initializers=[onnx_file.Tensor.of(name, array) for name, array in constants.items()],
        inputs=[value("active", np.int32, GRID)] + [value(name, np.float32, SHAPE) for name in ("cache", "a", "b")],
    )


def test_constants_become_one(rng):
    slopes = rng.normal(size=6).astype(np.float32)
    made = graph(
        node("add", "Add", ["active", "cache", "a", "b"], activation="PRelu", activation_params=slopes.tolist()),
        node("mul", "Mul", ["active", "add.y", "add.y", "b"], shape=list(SHAPE)),
    )
    pack_constants(made, np.dtype(np.float32))
    add, mul = made.nodes
    assert add.inputs == ["active", "cache", "a", "b", "add.y.constants"] and add.attributes["constants"] == 6
    assert mul.inputs == ["active", "add.y", "add.y", "b"] and "constants" not in mul.attributes
    (constants,) = made.initializers
    assert constants.array().dtype == np.int32  # which TensorRT does not convert
    np.testing.assert_array_equal(constants.array().view(np.float32), slopes)


def test_weights_of_gates_are_constants(rng):
    """Behind the slopes; those of a PatchGate are all that it has."""
    slopes, weights = (rng.uniform(size=6).astype(np.float32) for _ in range(2))
    add = node(
        "add",
        "Add",
        ["active", "cache", "a", "b"],
        activation="PRelu",
        activation_params=slopes.tolist(),
        threshold=0.5,
        weights=weights.tolist(),
    )
    add.outputs = ["add.y", "add.changed"]
    gate = onnx_file.Node(op_type="PatchGate", domain="patchskip", name="gate", inputs=["a", "last"])
    gate.outputs = ["gate.active", "gate.reference"]
    for key, value in dict(mode="delta", patch=4, cell=4, threshold=0.5, weights=weights.tolist()).items():
        gate.set_attribute(key, value)
    made = graph(add, gate)
    made.inputs = made.inputs + [onnx_file.Value.of("last", np.float32, (2, 3, 6))]
    pack_constants(made, np.dtype(np.float32))
    packed = {tensor.name: tensor.array().view(np.float32) for tensor in made.initializers}
    assert gate.inputs == ["a", "last", "gate.active.constants"] and gate.attributes["constants"] == 6
    np.testing.assert_array_equal(packed["add.y.constants"], np.concatenate([slopes, weights]))
    np.testing.assert_array_equal(packed["gate.active.constants"], weights)


def test_the_workspace_is_that_of_the_node_that_needs_most():
    gated = [node(name, "Add", ["active", "cache", "a", "b"], threshold=0.5) for name in ("first", "second")]
    for one in gated:
        one.outputs = [*one.outputs, one.name + ".changed"]
    assert pack_constants(graph(*gated), np.dtype(np.float32)) == 8 * 12 * 6 * 4
    assert pack_constants(graph(node("add", "Add", ["active", "cache", "a", "b"])), np.dtype(np.float32)) == 0


def test_constants_of_dense_nodes_stay():
    dense = onnx_file.Node(op_type="Add", inputs=["add.y", "one"], outputs=["z"])
    made = graph(node("add", "Add", ["active", "cache", "a", "b"]), dense, one=np.ones(1, np.float32))
    pack_constants(made, np.dtype(np.float32))
    assert [tensor.name for tensor in made.initializers] == ["one"] and made.nodes[1].inputs == ["add.y", "one"]


def test_masks_that_dense_nodes_make():
    """Their shape is in the metadata; what is there of masks that our nodes make is not needed."""
    dense = onnx_file.Node(op_type="Not", inputs=["a"], outputs=["decision"])
    made = graph(dense, node("add", "Add", ["decision", "cache", "a", "b"]))
    with pytest.raises(PatchskipError, match="the node add: PatchSkip Add: active is missing; expected int32 .2, 3."):
        pack_constants(made, np.dtype(np.float32))
    pack_constants(made, np.dtype(np.float32), [{"name": "decision", "patch": 4, "size": [8, 12]}])
    with pytest.raises(PatchskipError, match="the node add: PatchSkip Add: active is int32 .2, 4.; expected"):
        pack_constants(made, np.dtype(np.float32), [{"name": "decision", "patch": 4, "size": [8, 13]}])


def test_a_node_that_the_planner_refuses():
    made = graph(node("sum", "Add", ["active", "cache", "a"]))
    with pytest.raises(PatchskipError, match="the node sum: PatchSkip Add: "):
        pack_constants(made, np.dtype(np.float32))
    made = graph(node("odd", "Sum", ["active", "cache", "a"]))
    with pytest.raises(PatchskipError, match="the node odd: .*'Sum' is not known"):
        pack_constants(made, np.dtype(np.float32))


def test_what_is_no_exported_model(exported):
    with pytest.raises(PatchskipError, match="not an ONNX file"):
        prepare(b"text\n" * 100, "float32")
    model = onnx_file.read(exported())
    metadata = json.loads(model.property("patchskip"))
    model.set_property("patchskip", json.dumps(dict(metadata, precision="float32")))
    with pytest.raises(PatchskipError, match="m.onnx is prepared already; give the model that"):
        prepare(model.encode(), "float32", "m.onnx")
    model.properties = []
    with pytest.raises(PatchskipError, match="m.onnx is an ordinary ONNX model.*patchskip export"):
        prepare(model.encode(), "float32", "m.onnx")


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("options", [{}, {"gate": "delta", "input": "u8"}], ids=["exact", "delta, u8"])
def test_an_exported_network(exported, options, precision):
    """Names stay; every weight is in the constants of its node."""
    content = exported(**options)
    before, after = onnx_file.read(content), onnx_file.read(prepare(content, precision))
    made = [node for node in after.graph.nodes if node.domain == "patchskip"]
    assert [node.name for node in made] == [node.name for node in before.graph.nodes]
    assert [value.name for value in after.graph.inputs] == [value.name for value in before.graph.inputs]
    constants = {tensor.name: tensor.array() for tensor in after.graph.initializers}
    assert constants and set(constants) == {name for node in made for name in node.inputs} & set(constants)
    for old, new in zip(before.graph.nodes, made):
        size = new.attributes.get("constants", 0)
        assert bool(size) == any(name.endswith(".weight") or ".weight." in name for name in old.inputs)
        if size:
            packed = constants[new.inputs[-1]]
            assert packed.dtype == np.int32 and packed.shape == (size,)
    metadata = json.loads(after.property("patchskip"))
    assert metadata["precision"] == precision
    assert metadata["inputs"] == json.loads(before.property("patchskip"))["inputs"]


@pytest.mark.parametrize("gate", ["exact", "delta"])
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_nodes_say_which_type_they_take(exported, gate, precision):
    """TensorRT would choose for those without constants."""
    nodes = onnx_file.read(prepare(exported(gate=gate), precision)).graph.nodes
    for operator in ("PatchSkip", "PatchGate"):
        found = {node.attributes["half"] for node in nodes if node.op_type == operator}
        assert found == {int(precision == "float16")}
    assert not any("half" in node.attributes for node in nodes if node.op_type == "PatchMask" or not node.domain)


def test_a_picture_of_bytes_is_carried_in_words(exported):
    model = onnx_file.read(prepare(exported(input="u8"), "float32"))
    gate, image = model.graph.nodes[:2]
    assert gate.attributes["picture"] == image.attributes["picture"] == [1, 64, 96, 3]
    assert (model.graph.inputs[0].dtype, model.graph.inputs[0].shape) == (np.int32, (64 * 96 * 3 // 4,))


def test_a_picture_that_a_dense_node_reads(exported):
    model = onnx_file.read(exported(input="u8"))
    model.graph.nodes = model.graph.nodes + [onnx_file.Node(op_type="Cast", name="c", inputs=["images"], outputs=["f"])]
    with pytest.raises(PatchskipError, match="picture images is read by the dense node c; export with --input float"):
        prepare(model.encode(), "float32")
