"""Engines that are really built, with TensorRT for RTX."""

import json
import os

import numpy as np
import pytest

from patchskip.plugins import library
from patchskip.runtime.tensorrt import engine_log, onnx_file


def masked_sum():
    """-> a model: one mask from another, and a sum that is kept."""
    skip = onnx_file.Node(
        op_type="PatchSkip", domain="patchskip", name="sum", inputs=["grown", "y.cache", "a", "b"], outputs=["y"]
    )
    mask = onnx_file.Node(op_type="PatchMask", domain="patchskip", name="grow", inputs=["active"], outputs=["grown"])
    for node, attributes in (
        (skip, {"op_type": "Add", "patch": 4, "activation": "PRelu", "activation_params": [0.25, 0.5, 0.75]}),
        (mask, {"size": [8, 12], "patch": 4, "in_patch": [4], "windows": [1, 1, -1, 1, 1, 1, -1, 1]}),
    ):
        for name, value in attributes.items():
            node.set_attribute(name, value)
    value, pixels, grid = onnx_file.Value.of, (1, 8, 12, 3), (2, 3)
    graph = onnx_file.Graph(
        name="net",
        nodes=[mask, skip],
        inputs=[value("active", np.int32, grid)] + [value(name, np.float32, pixels) for name in ("a", "b", "y.cache")],
        outputs=[value("y", np.float32, pixels), value("grown", np.int32, grid)],
    )
    opsets = [onnx_file.Opset(domain=domain, version=version) for domain, version in (("", 13), ("patchskip", 1))]
    model = onnx_file.Model(ir_version=8, graph=graph, opsets=opsets)
    metadata = {
        "format": 1,
        "inputs": [{"name": name, "shape": list(pixels), "dtype": "float32"} for name in ("a", "b")],
        "outputs": [{"name": "y", "shape": list(pixels)}],
        "states": [{"input": "y.cache", "output": "y", "kind": "cache", "shape": list(pixels)}],
        "masks": [],
        "layers": [],
        "dense": [],
    }
    model.set_property("patchskip", json.dumps(metadata))
    return model


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
