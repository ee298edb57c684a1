import json

import numpy as np
import pytest
from engines import with_pass_gates

from patchskip.runtime.tensorrt import onnx_file
from patchskip.runtime.tensorrt.precision import set_precision

FLOAT16, FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)


def set_and_read(content, precision):
    """-> (model before, model after, metadata after)"""
    model = onnx_file.read(content)
    metadata = json.loads(model.property("patchskip"))
    set_precision(model.graph, metadata, precision)
    return onnx_file.read(content), model, metadata


def types(values):
    return {value.name: value.dtype for value in values}


@pytest.mark.parametrize("gate", ["exact", "delta"])
def test_states_and_the_networks_own(exported, gate):
    before, after, metadata = set_and_read(exported(gate=gate), FLOAT16)
    inputs, outputs = types(after.graph.inputs), types(after.graph.outputs)
    assert inputs["images"] == outputs["output"] == FLOAT32
    assert [entry["name"] for entry in metadata["outputs"]] == ["output"]
    assert {state["kind"] for state in metadata["states"]} == {"cache"} | ({"reference"} if gate == "delta" else set())
    for state in metadata["states"]:
        expected = FLOAT32 if state["kind"] == "reference" else FLOAT16
        assert inputs[state["input"]] == outputs[state["output"]] == state["dtype"] == expected
    masks = {mask["name"] for mask in metadata["masks"]}
    assert all(outputs[name] == np.int32 for name in masks)
    assert list(inputs) == list(types(before.graph.inputs))
    assert [name for name in outputs if name != "output.float16"] == list(types(before.graph.outputs))


def test_an_output_that_is_a_state_is_cast(exported):
    _, after, metadata = set_and_read(exported(), FLOAT16)
    flatten, cast = after.graph.nodes[-2:]
    assert flatten.attributes["op_type"] == "Flatten" and flatten.outputs == ["output.float16"]
    assert (cast.op_type, cast.inputs, cast.outputs) == ("Cast", ["output.float16"], ["output"])
    assert cast.attributes == {"to": onnx_file.FLOAT32}
    assert [state["output"] for state in metadata["states"] if state["input"] == "output.cache"] == ["output.float16"]


def test_dense_nodes_read_float32(with_dense_tail):
    before, after, _ = set_and_read(with_dense_tail, FLOAT16)
    (cast,) = (node for node in after.graph.nodes if node.op_type == "Cast")
    activations = {node.outputs[0] for node in after.graph.nodes if node.op_type == "PatchSkip"}
    hidden = "features" in activations
    named = ("features", "features.float32") if hidden else ("features.float16", "features")
    assert cast.inputs[0] in activations and (cast.inputs[0], cast.outputs[0]) == named
    for old, new in zip(before.graph.nodes, (node for node in after.graph.nodes if node is not cast)):
        assert old.name == new.name
        dense = new.domain != "patchskip"
        assert [cast.outputs[0] if dense and name == "features" else name for name in old.inputs] == new.inputs
        assert [cast.inputs[0] if name == "features" else name for name in old.outputs] == new.outputs


def test_dense_nodes_read_states_in_float32(exported):
    """Those that are float16; PatchSkip nodes read these themselves."""
    _, after, metadata = set_and_read(with_pass_gates(), FLOAT16)
    casts = {node.inputs[0]: node.outputs[0] for node in after.graph.nodes if node.op_type == "Cast"}
    assert casts["images.nhwc.cache"] == "images.nhwc.cache.float32"
    halves = {state["input"] for state in metadata["states"]}
    read = {True: set(), False: set()}
    for node in after.graph.nodes:
        if node.op_type != "Cast":
            read[node.domain == "patchskip"].update(node.inputs)
    assert not halves & read[False] and halves <= read[True] and casts["images.nhwc.cache"] in read[False]


def test_nodes_come_after_what_they_read(exported, with_dense_tail):
    for content in (exported(), with_dense_tail, with_pass_gates()):
        _, after, _ = set_and_read(content, FLOAT16)
        made = {entry.name for entry in after.graph.inputs + after.graph.initializers}
        for node in after.graph.nodes:
            assert set(node.inputs) <= made
            made.update(node.outputs)
        assert set(types(after.graph.outputs)) <= made


def test_float32_changes_no_type(exported):
    before, after, metadata = set_and_read(exported(gate="delta"), FLOAT32)
    assert before.encode() == after.encode()
    assert {state["dtype"] for state in metadata["states"]} == {"float32"} and metadata["precision"] == "float32"
