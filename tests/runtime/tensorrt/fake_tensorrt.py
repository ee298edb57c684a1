"""TensorRT's Python module for the tests: its engines are prepared ONNX models, its GPU is the emulated one.

PatchSkip's nodes are planned and launched as the plugins do it. Dense nodes run in ONNX Runtime on the host, which has
to wait for the GPU: so a network with dense nodes cannot be captured as a CUDA graph, as is true of some real ones.

`module("8.2.1.8")` has bindings by index, `module("10.3.0")` tensors by name.
"""

import functools
import types

import numpy as np

from patchskip.plugins.cuda import driver, planning
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.tensorrt import onnx_file

TYPES = {"float32": "FLOAT", "float16": "HALF", "int32": "INT32", "int64": "INT64"}
DOMAIN, LEAST_WORKSPACE = "patchskip", 4096


class ILogger:
    ERROR, INTERNAL_ERROR = "error", "internal error"


class Runtime:
    def __init__(self, version, log):
        self._version, self._log = version, log

    def deserialize_cuda_engine(self, data):
        try:
            model = onnx_file.read(data)
        except PatchskipError as error:
            self._log.log(ILogger.ERROR, str(error))
            return None
        return (EngineByIndex if self._version < (8, 5) else EngineByName)(model, self._log)


class Engine:
    def __init__(self, model, log):
        self.model, self.log = model, log
        self.values = [(value, True) for value in model.graph.inputs] + [
            (value, False) for value in model.graph.outputs
        ]

    def _type(self, value):
        return types.SimpleNamespace(name=TYPES[value.dtype.name])

    def _context(self, kind):
        try:
            return kind(self)
        except PatchskipError as error:
            self.log.log(ILogger.ERROR, str(error))
            return None


class EngineByIndex(Engine):
    num_bindings = property(lambda self: len(self.values))

    def get_binding_name(self, i):
        return self.values[i][0].name

    def binding_is_input(self, i):
        return self.values[i][1]

    def get_binding_shape(self, i):
        return self.values[i][0].shape

    def get_binding_dtype(self, i):
        return self._type(self.values[i][0])

    def create_execution_context(self):
        return self._context(ContextByIndex)


class EngineByName(Engine):
    num_io_tensors = property(lambda self: len(self.values))

    def get_tensor_name(self, i):
        return self.values[i][0].name

    def get_tensor_mode(self, name):
        return "input" if dict((value.name, is_input) for value, is_input in self.values)[name] else "output"

    def get_tensor_shape(self, name):
        return self._value(name).shape

    def get_tensor_dtype(self, name):
        return self._type(self._value(name))

    def create_execution_context(self):
        return self._context(ContextByName)

    def _value(self, name):
        return next(value for value, _ in self.values if value.name == name)


class Context:
    """The nodes with their memory."""

    def __init__(self, engine):
        self.engine, self.gpu = engine, driver.device()
        self._kept, self._bound = [], {}
        self.function = functools.lru_cache(maxsize=None)(self.gpu.module(b"kernels").function)
        graph, stream = engine.model.graph, self.gpu.stream()
        self.known = {value.name: (value.shape, value.dtype) for value, _ in engine.values}
        self.addresses = {}
        for tensor in graph.initializers:
            array = tensor.array()
            self.known[tensor.name] = array.shape, array.dtype
            if array.size:
                stream.upload(self._place(tensor.name).address, np.ascontiguousarray(array))
        stream.synchronize()
        self._steps = [(_Skip if node.domain == DOMAIN else _Dense)(self, node) for node in graph.nodes]
        workspace = self.gpu.allocate(max([step.workspace_bytes for step in self._steps] + [LEAST_WORKSPACE]))
        self._kept.append(workspace)
        self.workspace = workspace.address

    def make(self, name, shape, dtype):
        """A tensor between nodes, or an output."""
        if name not in self.known:
            self.known[name] = shape, np.dtype(dtype)
            self._place(name)
        assert self.known[name] == (tuple(shape), np.dtype(dtype)), name

    def _place(self, name):
        shape, dtype = self.known[name]
        buffer = self.gpu.allocate(int(np.prod(shape)) * dtype.itemsize)
        self._kept.append(buffer)
        self.addresses[name] = buffer.address
        return buffer

    def enqueue(self, bound, handle):
        stream = _Stream(self.gpu, handle)
        addresses = dict(self.addresses, **bound)
        try:
            for step in self._steps:
                step.enqueue(stream, addresses)
        except PatchskipError as error:
            self.engine.log.log(ILogger.ERROR, str(error))
            return False
        return True


class ContextByIndex(Context):
    def execute_async_v2(self, bindings, stream_handle):
        names = [value.name for value, _ in self.engine.values]
        return self.enqueue(dict(zip(names, bindings, strict=True)), stream_handle)


class ContextByName(Context):
    def set_tensor_address(self, name, address):
        self._bound[name] = address
        return True

    def execute_async_v3(self, stream_handle):
        return self.enqueue(self._bound, stream_handle)


class _Stream(driver.Stream):
    def __init__(self, gpu, handle):
        self.handle, self._gpu = handle, gpu

    def __del__(self):
        pass


class _Skip:
    """A node of ours, on the GPU."""

    def __init__(self, context, node):
        self._context, self._inputs, self._outputs = context, node.inputs, node.outputs
        described = [context.known.get(name) for name in node.inputs]
        self._plan = planning.Plan(
            node.op_type, node.attributes, described, len(node.outputs), context.gpu.sm, context.gpu.multiprocessors
        )
        self.workspace_bytes = self._plan.workspace_bytes
        for name, (shape, dtype) in zip(node.outputs, self._plan.outputs, strict=True):
            context.make(name, shape, dtype)

    def enqueue(self, stream, addresses):
        inputs, outputs = ([addresses.get(name) for name in names] for names in (self._inputs, self._outputs))
        for launch in self._plan.launches(inputs, outputs, self._context.workspace):
            stream.launch(self._context.function(launch.kernel), launch)


class _Dense:
    """Any other node, in ONNX Runtime."""

    workspace_bytes = 0

    def __init__(self, context, node):
        import onnxruntime

        model = context.engine.model
        constants = [tensor for tensor in model.graph.initializers if tensor.name in node.inputs]
        given = dict.fromkeys(name for name in node.inputs if name not in {tensor.name for tensor in constants})
        known = [(name, *context.known[name]) for name in given]
        value = onnx_file.Value.of
        outputs = [onnx_file.Value(name=name) for name in node.outputs]
        graph = onnx_file.Graph(
            name="node",
            nodes=[node],
            initializers=constants,
            inputs=[value(n, t, s) for n, s, t in known],
            outputs=outputs,
        )
        one = onnx_file.Model(ir_version=model.ir_version, graph=graph, opsets=model.opsets)
        self._session = onnxruntime.InferenceSession(one.encode(), providers=["CPUExecutionProvider"])
        self._inputs = [(name, np.zeros(shape, dtype)) for name, shape, dtype in known]
        self._outputs = node.outputs
        for name, array in zip(self._outputs, self._run(), strict=True):
            context.make(name, array.shape, array.dtype)

    def enqueue(self, stream, addresses):
        for name, array in self._inputs:
            stream.download(array, addresses[name])
        stream.synchronize()
        for name, array in zip(self._outputs, self._run(), strict=True):
            stream.upload(addresses[name], np.ascontiguousarray(array))
            stream.synchronize()

    def _run(self):
        return self._session.run(None, dict(self._inputs))


def module(version):
    numbers = tuple(int(word) for word in version.split("."))
    made = types.ModuleType("tensorrt")
    made.__version__ = version
    made.ILogger = ILogger
    made.Runtime = lambda log: Runtime(numbers, log)
    made.init_libnvinfer_plugins = lambda log, namespace: True
    made.TensorIOMode = types.SimpleNamespace(INPUT="input")
    find = "get_plugin_creator" if numbers < (10,) else "get_creator"
    registry = types.SimpleNamespace(**{find: lambda name, version, namespace: object()})
    made.get_plugin_registry = lambda: registry
    return made
