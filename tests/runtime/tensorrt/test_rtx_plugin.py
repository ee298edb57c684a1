"""The C++ plugin in TensorRT for RTX, where $PATCHSKIP_TENSORRT_INCLUDES names headers of TensorRT 11, its sibling."""

import json
import os

import pytest
from engines import masked_sum

from patchskip.plugins.tensorrt import build as plugin
from patchskip.runtime.tensorrt import engine_log

INCLUDES = [folder for folder in os.environ.get("PATCHSKIP_TENSORRT_INCLUDES", "").split(":") if folder]


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    fitting = [include for include in INCLUDES if plugin.tensorrt_version(include)[0] == 11]
    if not fitting:
        pytest.skip("no headers of TensorRT 11: set PATCHSKIP_TENSORRT_INCLUDES")
    return plugin.build_plugin(fitting[0], {53: b"a cubin"}, str(tmp_path_factory.mktemp("plugin") / "plugin.so"))


def layers(build, folder, content, *options):
    """-> what TensorRT makes of the model."""
    status, _, err = build(content, "--verbose", *options)
    assert status == 0, err
    return engine_log.layers(err), json.loads((folder / "m.engine.json").read_text())


def test_a_small_engine(build, library, tmp_path):
    found, sidecar = layers(build, tmp_path, masked_sum().encode(), "--plugin", library)
    assert sidecar["plugin"]["kind"] == "c++" and sidecar["plugin"]["version"] == "1, TensorRT 11.1, sm_53"
    assert engine_log.copies(found, sidecar["metadata"]["states"]) == []
    python, _ = layers(build, tmp_path, masked_sum().encode(), "--plugin", "python")
    assert found == python


@pytest.mark.parametrize("options", [(), ("--fp16",)], ids=["float32", "float16"])
@pytest.mark.parametrize("gate", ["exact", "delta"])
def test_a_network(build, library, exported, tmp_path, gate, options):
    found, sidecar = layers(build, tmp_path, exported(gate=gate), "--plugin", library, *options)
    assert engine_log.copies(found, sidecar["metadata"]["states"]) == []
    python, _ = layers(build, tmp_path, exported(gate=gate), "--plugin", "python", *options)
    assert found == python


def test_a_node_that_is_wrong_is_named(build, library):
    model = masked_sum()
    model.graph.nodes[1].set_attribute("activation", "Gelu")
    status, _, err = build(model.encode(), "--plugin", library)
    assert status == 2 and "Gelu" in err
