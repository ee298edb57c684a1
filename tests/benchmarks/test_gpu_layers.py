"""What the layers are timed on, on the emulated driver."""

import numpy as np
import pytest

from patchskip.benchmarks import gpu_layers, planned
from patchskip.benchmarks.demo_network import build
from patchskip.export import convert
from patchskip.plugins.cuda import driver, emulator


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", emulator.library())
    return driver.device()


@pytest.fixture(scope="module")
def network():
    data = convert(build((64, 96)), gate="delta", input="u8").model.SerializeToString()
    return planned.plan(data, "float16")


def test_layers_compute_numbers_and_gates_commit_in_every_run(network, gpu):
    nodes = [node for node in network.nodes if node.op_type in gpu_layers.MEASURED]
    constants = {tensor.name: tensor.array() for tensor in network.model.graph.initializers}
    assert {node.gated for node in nodes} == {True, False}
    for node in nodes:
        layer = gpu_layers.SkipLayer(node, constants, gpu, gpu.module(b"any image"), 2)
        layer.activate(np.ones(node.types[node.inputs[0]][0], np.int32))
        result, *changed = (read(layer, name, node.types[name]) for name in node.outputs)
        assert np.isfinite(result).all() and result.any(), node.name
        assert all(mask.all() for mask in changed), node.name
        assert layer.time_ms() > 0


def read(layer, name, kind):
    array = np.empty(*kind)
    layer._stream.download(array, layer._buffers[name].address)
    layer._stream.synchronize()
    return array


def test_a_gate_makes_a_kind_of_its_own(network):
    node = next(node for node in network.nodes if node.gated)
    attributes = {**node.attributes, "threshold": 0.0}
    other = planned.Node(node.name, node.operator, attributes, node.inputs, node.outputs, node.types, node.plan)
    assert gpu_layers._kind(node) != gpu_layers._kind(other)
