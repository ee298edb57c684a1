"""Engines that are really built, with TensorRT for RTX."""

import json
import os

import pytest
from engines import masked_sum

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
