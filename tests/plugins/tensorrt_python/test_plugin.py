"""The operators as plugins in Python, in the registry of TensorRT for RTX, launching on the emulated driver."""

import importlib.util
import types

import numpy as np
import pytest
from opcases.cases import CASES
from opcases.planned import Planned
from opcases.problems import check, problem
from opcases.specs import Skip

from patchskip import PatchskipError
from patchskip.plugins.cuda import driver, emulator
from patchskip.plugins.tensorrt import execution
from patchskip.plugins.tensorrt.node import OPERATORS, attribute_names
from patchskip.runtime.tensorrt import loading

if importlib.util.find_spec("tensorrt_rtx") is None:
    pytest.skip("needs TensorRT for RTX: pip install tensorrt_rtx==1.7.1.116", allow_module_level=True)
CASE = next(spec for spec in CASES if isinstance(spec, Skip) and spec.op_type == "Add" and spec.activation == "PRelu")


@pytest.fixture
def loaded():
    return loading.load("tensorrt_rtx", "python")


@pytest.fixture
def create(loaded):
    """create(operator, attributes) -> plugin, as the parser makes it"""
    trt = loaded.trt

    def make(operator, attributes):
        creator = trt.get_plugin_registry().get_creator(operator, "1", "")
        given = fields(trt, attributes)
        return creator.create_plugin("layer", trt.PluginFieldCollection(given), trt.TensorRTPhase.BUILD)

    return make


def fields(trt, attributes):
    made = []
    for name, value in attributes.items():
        if isinstance(value, str):
            made.append(trt.PluginField(name, np.frombuffer(value.encode(), np.int8), trt.PluginFieldType.CHAR))
        elif np.asarray(value).dtype.kind == "f":
            made.append(trt.PluginField(name, np.atleast_1d(np.float32(value)), trt.PluginFieldType.FLOAT32))
        else:
            made.append(trt.PluginField(name, np.atleast_1d(np.int32(value)), trt.PluginFieldType.INT32))
    return made


def described(trt, array):
    made = trt.PluginTensorDesc()
    made.dims, made.format = trt.Dims(array.shape), trt.TensorFormat.LINEAR
    made.type = {"float32": trt.float32, "float16": trt.float16, "int32": trt.int32}[array.dtype.name]
    return made


def test_the_registry(loaded):
    for operator in OPERATORS:
        creator = loaded.trt.get_plugin_registry().get_creator(operator, "1", "")
        assert [field.name for field in creator.field_names] == attribute_names(operator)


def test_attributes_in_an_engine(loaded, create):
    """What is stored makes the same plugin again."""
    given = {"op_type": "Conv", "patch": 4, "activation_params": [0.5, 6.0], "pads": [1, 1, 0, 0], "threshold": 0.25}
    given["half"] = 1
    first = create("PatchSkip", given)
    creator = loaded.trt.get_plugin_registry().get_creator("PatchSkip", "1", "")
    again = creator.create_plugin("", first.get_fields_to_serialize(), loaded.trt.TensorRTPhase.RUNTIME)
    found = {field.name: field.data.tolist() for field in again.get_fields_to_serialize()}
    assert bytes(found.pop("op_type")) == b"Conv" and found.pop("planned_for") == [53, 1]
    assert found.pop("half") == [1]
    assert found == {"patch": [4], "activation_params": [0.5, 6.0], "pads": [1, 1, 0, 0], "threshold": [0.25]}
    assert again.num_outputs == again.clone().num_outputs == 2  # gated


def test_formats(loaded, create):
    """Rows of values, one after the other, and nothing else."""
    trt, plugin = loaded.trt, create("PatchSkip", {"op_type": "Add", "patch": 4})
    arrays = [np.zeros((2, 2), np.int32)] + 4 * [np.zeros((1, 8, 8, 4), np.float32)]
    for kind, accepted in ((trt.TensorFormat.LINEAR, True), (trt.TensorFormat.CHW4, False)):
        tensors = [trt.DynamicPluginTensorDesc() for _ in arrays]
        for tensor, array in zip(tensors, arrays):
            tensor.desc = described(trt, array)
        last = described(trt, arrays[-1])
        last.format = kind
        tensors[-1].desc = last
        assert plugin.supports_format_combination(4, tensors, 4) == accepted


@pytest.mark.parametrize("half, accepted", [(None, (0, 1)), (0, (0,)), (1, (1,))])
def test_an_engines_type(loaded, create, half, accepted):
    """The first that says of which type activations are is the cache."""
    plugin = create("PatchSkip", {"op_type": "Add", "patch": 4, **({} if half is None else {"half": half})})
    for i, dtype in enumerate((np.float32, np.float16)):
        tensors = []
        for array in (np.zeros((2, 2), np.int32), np.zeros((1, 8, 8, 4), dtype)):
            tensors.append(loaded.trt.DynamicPluginTensorDesc())
            tensors[-1].desc = described(loaded.trt, array)
        assert plugin.supports_format_combination(1, tensors, 4) == (i in accepted)


def test_enqueue(loaded, create, monkeypatch):
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", emulator.library())
    execution._gpu.cache_clear()
    case, gpu = problem(CASE), driver.device()
    planned = Planned(case, gpu.sm, gpu.multiprocessors)
    plugin = create("PatchSkip", dict(case.attributes, constants=planned.constants.size))
    plugin.on_shape_change([described(loaded.trt, array) for array in planned.inputs], [])
    stream, held = gpu.stream(), {}
    for array in planned.inputs + planned.memory.outputs:
        held[id(array)] = gpu.allocate(array.nbytes)
        stream.upload(held[id(array)].address, array)
    inputs, outputs = (
        [held[id(array)].address for array in arrays] for arrays in (planned.inputs, planned.memory.outputs)
    )
    described_inputs = [described(loaded.trt, array) for array in planned.inputs]
    for one, known in ((plugin, []), (plugin, []), (plugin.clone(), described_inputs)):
        one.enqueue(known, [], inputs, outputs, gpu.allocate(planned.plan.workspace_bytes).address, stream.handle)
    for array in planned.memory.outputs:
        stream.download(array, held[id(array)].address)
    stream.synchronize()
    check(case, planned.memory.outputs)
    execution._gpu.cache_clear()


def test_an_exception_is_reported(loaded, create, monkeypatch):
    """TensorRT may go on as if nothing had happened."""
    said = []
    monkeypatch.setattr(loaded.log, "failed", said.append)
    plugin = create("PatchSkip", {"op_type": "Sum", "patch": 4})
    tensor = loaded.trt.DynamicPluginTensorDesc()
    tensor.desc = described(loaded.trt, np.zeros((2, 2), np.int32))
    with pytest.raises(Exception, match="'Sum' is not known"):
        plugin.get_workspace_size([tensor] * 3, [])
    assert said == ["PatchSkip: PatchSkip: op_type 'Sum' is not known"]


class Node:
    """It takes more memory the larger the GPU is."""

    def plan(self, inputs, sm, multiprocessors):
        return types.SimpleNamespace(workspace_bytes=100 * multiprocessors)


def test_an_engine_for_a_smaller_gpu(monkeypatch):
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", emulator.library())
    execution._gpu.cache_clear()
    gpu = driver.device()
    execution.Execution(Node(), [], (gpu.sm, gpu.multiprocessors + 1))
    with pytest.raises(PatchskipError, match="built for 0 multiprocessors of sm_53, this GPU has .* --multiprocessors"):
        execution.Execution(Node(), [], (53, 0))
    execution._gpu.cache_clear()
