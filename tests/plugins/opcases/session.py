"""ONNX Runtime with the native library: a model of one node, its memory bound as the runtime binds it."""

import functools

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from patchskip.plugins import library

from .native import Memory, Refused

TYPES = {
    np.float32: TensorProto.FLOAT,
    np.float16: TensorProto.FLOAT16,
    np.int32: TensorProto.INT32,
    np.uint8: TensorProto.UINT8,
}


def model(problem):
    """The problem as an ONNX model: weights are initializers, everything else inputs and outputs x0, ..., y0, ..."""

    def value(name, array):
        return helper.make_tensor_value_info(name, TYPES[array.dtype.type], array.shape)

    given = [i for i, array in enumerate(problem.inputs) if array is not None]
    names = ["x{}".format(i) if i in given else "" for i in range(len(problem.inputs))]
    outputs = ["y{}".format(i) for i in range(len(problem.outputs))]
    node = helper.make_node(problem.operator, names, outputs, name=problem.name, domain="patchskip")
    node.attribute.extend(helper.make_attribute(key, _attribute(v)) for key, v in problem.attributes.items())
    graph = helper.make_graph(
        [node],
        "case",
        [value(names[i], problem.inputs[i]) for i in given if i not in problem.constants],
        [value(name, array) for name, array in zip(outputs, problem.outputs)],
        [onnx.numpy_helper.from_array(problem.inputs[i], names[i]) for i in problem.constants],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("patchskip", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _attribute(value):
    return value if isinstance(value, (str, int, float)) else list(value)


@functools.lru_cache(maxsize=1)
def options():
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 4
    settings.register_custom_ops_library(library.path())
    return settings


class Session:
    def run(self, problem, threads=1):
        library.set_threads(threads)
        try:
            return self._run(problem)
        finally:
            library.set_threads(0)

    def _run(self, problem):
        memory = Memory(problem)
        try:
            session = onnxruntime.InferenceSession(
                model(problem).SerializeToString(), options(), providers=["CPUExecutionProvider"]
            )
            binding = session.io_binding()
            for i, array in enumerate(memory.inputs):
                if array is not None and i not in problem.constants:
                    binding.bind_input("x{}".format(i), "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
            for i, array in enumerate(memory.outputs):
                binding.bind_output("y{}".format(i), "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
            session.run_with_iobinding(binding)
        except Exception as error:  # the classes are of a module without a public name
            if not (type(error) is RuntimeError or type(error).__module__.startswith("onnxruntime")):
                raise
            assert memory.untouched(), "{}: written to, and then refused".format(problem.name)
            raise Refused(str(error)) from None
        memory.check()
        return memory.outputs
