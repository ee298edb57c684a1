"""Engines that are really built, with TensorRT for RTX."""

import json
import os

import pytest
from engines import masked_sum, with_pass_gates

from patchskip.plugins import library
from patchskip.runtime.tensorrt import engine_log, onnx_file


def test_a_small_engine(build, tmp_path):
    status, out, err = build(masked_sum().encode(), "--verbose")
    assert status == 0, err
    assert sorted(os.listdir(tmp_path)) == ["m.engine", "m.engine.json", "m.patchskip.onnx"]
    assert "wrote m.engine" in out and "trtexec" not in out  # which loads no plugin in Python
    sidecar = json.loads((tmp_path / "m.engine.json").read_text())
    assert sidecar["engine"]["bytes"] == (tmp_path / "m.engine").stat().st_size
    assert (sidecar["flavour"], sidecar["plugin"]["kind"], sidecar["precision"]) == (
        "tensorrt_rtx",
        "python",
        "float32",
    )
    assert sidecar["metadata"]["states"][0]["dtype"] == "float32" and sidecar["gpu"] is None
    layers = engine_log.layers(err)
    assert [layer.outputs for layer in layers if "y.cache" in layer.inputs] == [["y"]]
    assert engine_log.copies(layers, sidecar["metadata"]["states"]) == []


UNHEARD = onnx_file.Node(op_type="Unheard", name="odd", inputs=["y"], outputs=["z"])


def as_opset_17(model):
    model.opsets[0].version = 17
    model.graph.nodes = [*model.graph.nodes, UNHEARD]


BAD = {
    "opset": (lambda model: setattr(model.opsets[0], "version", 999), "opset 999", "opset_version=13"),
    "op_type": (lambda model: model.graph.nodes[1].set_attribute("op_type", "Sum"), "node sum", "'Sum' is not known"),
    "ordinary": (lambda model: setattr(model, "properties", []), "ordinary ONNX model", "patchskip export"),
    "dense": (lambda model: setattr(model.graph, "nodes", [*model.graph.nodes, UNHEARD]), "odd", "Unheard"),
    "newer": (as_opset_17, "odd", "Unheard", "opset 17", "opset_version=13"),
}


@pytest.fixture
def refused(build, tmp_path):
    """refused(content, options, words of the message)"""

    def check(content, options, *words):
        status, out, err = build(content, *options)
        assert status == 2 and out == "" and err.count("\n") == 1 and "Traceback" not in err, (status, out, err)
        assert err.startswith("patchskip: ") and all(word in err for word in words), err
        assert os.listdir(tmp_path) == ["m.patchskip.onnx"]

    return check


@pytest.mark.parametrize("damage", BAD)
def test_models_that_are_refused(refused, damage):
    model = masked_sum()
    BAD[damage][0](model)
    refused(model.encode(), (), "m.patchskip.onnx", *BAD[damage][1:])


def test_files_that_are_refused(refused):
    whole = masked_sum().encode()
    for content in (b"", b"this is no network\n" * 50, whole[:-200]):
        refused(content, (), "m.patchskip.onnx", "not an ONNX file, or it is truncated")


def test_plugins_that_are_refused(refused):
    refused(masked_sum().encode(), ("--plugin", "none.so"), "none.so", "make plugin")
    refused(masked_sum().encode(), ("--plugin", library.path()), "does not load", "make plugin")


def test_a_full_disk(refused):
    refused(masked_sum().encode(), ("-o", "/dev/full"), "cannot write /dev/full", "free some space")


def test_less_workspace_than_a_plugin_needs(build, tmp_path):
    """TensorRT for RTX would crash. It is the first convolution that needs most, which has a threshold."""
    pytest.importorskip("onnx")
    from patchskip.benchmarks.demo_network import build as demo_network
    from patchskip.export import convert

    content = convert(demo_network((480, 640)), gate="delta").model.SerializeToString()
    status, _, err = build(content, "--fp16", "--workspace", "1")
    assert status == 0, err
    assert json.loads((tmp_path / "m.engine.json").read_text())["workspace_bytes"] == 240 * 320 * 16 * 2


NETWORKS = {
    "exact": lambda exported, data: exported(),
    "delta": lambda exported, data: exported(gate="delta"),
    "u8": lambda exported, data: exported(gate="delta", input="u8"),
    "PASS gates": lambda exported, data: with_pass_gates(),
    "yolox_nano": lambda exported, data: of_weights(data() / "weights" / "yolox_nano_416.onnx", gate="delta"),
    "simplepose": lambda exported, data: of_weights(data() / "weights" / "simplepose_deploy.onnx"),
}


def of_weights(path, **options):
    import onnx

    from patchskip.export import convert

    return convert(onnx.load(path), **options).model.SerializeToString()


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("network", NETWORKS)
def test_networks(build, tmp_path, exported, request, network, precision):
    """Every node of ours is a layer; no other one touches a state on its way in or out."""
    content = NETWORKS[network](exported, lambda: request.getfixturevalue("data"))
    status, out, err = build(content, "--verbose", *(["--fp16"] if precision == "float16" else []))
    assert status == 0, err[-2000:]
    layers = engine_log.layers(err)
    ours = [layer for layer in layers if layer.kind in ("PluginV3", "custom_layer")]
    nodes = [node for node in onnx_file.read(content).graph.nodes if node.domain == "patchskip"]
    assert len(ours) == len(nodes)
    metadata = json.loads((tmp_path / "m.engine.json").read_text())["metadata"]
    assert engine_log.copies(layers, metadata["states"]) == []
    assert {state["dtype"] for state in metadata["states"] if state["kind"] == "cache"} == {precision}
    as_they_are = {layer.outputs[0]: layer.inputs[0] for layer in layers if layer.kind == "NoOp"}
    for state in metadata["states"]:
        writers = [layer for layer in layers if state["output"] in layer.outputs]
        assert len(writers) == 1 and writers[0] in ours
        assert state["input"] in [as_they_are.get(name, name) for name in writers[0].inputs]
