"""What a node asks of a GPU: its constants packed for the kernels, and the kernels to launch. Needs no GPU.

The planner is C++ (plan.h), in the native library; this is its C interface, patchskip_cuda.h.
"""

import ctypes

import numpy as np

from patchskip.plugins import library
from patchskip.runtime.errors import PatchskipError

MOST_LAUNCHES, MOST_PARAMS = 6, 1024
DTYPES = {number: dtype for dtype, number in library.DTYPES.items()}


class Launch(ctypes.Structure):
    """One kernel launch: `params[:params_bytes]` is the kernel's only argument, by value."""

    _fields_ = [
        ("_kernel", ctypes.c_char_p),
        ("blocks", ctypes.c_int32),
        ("threads", ctypes.c_int32),
        ("shared_bytes", ctypes.c_int32),
        ("params_bytes", ctypes.c_int32),
        ("_params", ctypes.c_double * (MOST_PARAMS // 8)),
    ]

    @property
    def kernel(self):
        return self._kernel.decode()

    @property
    def params(self):
        """The address of the parameters."""
        return ctypes.addressof(self) + Launch._params.offset


class Plan(object):
    """The plan of one node of a prepared model (prepare.py).

    operator: `PatchSkip`, `PatchGate` or `PatchMask`. attributes: {name: value}, as library.Operator takes them.
    inputs: list of (shape, dtype), None where an optional input is absent. sm: compute capability, 10 * major + minor.

    outputs            [(shape, numpy dtype)]
    workspace_bytes    memory that an execution needs, aligned to 256 bytes
    Raises PatchskipError when the planner refuses the node.
    """

    def __init__(self, operator, attributes, inputs, n_outputs, sm=53, multiprocessors=1):
        self._library, self._handle = native(), None
        listed, _keep = attribute_list(attributes)
        tensors = tensor_list(inputs)
        self._handle = self._library.ps_plan_create(
            operator.encode(), listed, len(listed), tensors, len(inputs), n_outputs, sm, multiprocessors
        )
        if not self._handle:
            raise PatchskipError(last_error())
        self.workspace_bytes = self._library.ps_plan_workspace(self._handle)
        self.outputs = [self._output(i) for i in range(n_outputs)]

    def launches(self, inputs, outputs, workspace):
        """Addresses (int; 0 or None where absent) -> [Launch], to be executed in this order."""
        made = (Launch * MOST_LAUNCHES)()
        ins, outs = (ctypes.c_void_p * len(inputs))(*inputs), (ctypes.c_void_p * len(outputs))(*outputs)
        count = self._library.ps_plan_launches(self._handle, ins, outs, workspace, made)
        return made[:count]

    def _output(self, index):
        like = library.TensorStruct()
        if self._library.ps_plan_output(self._handle, index, ctypes.byref(like)):
            raise PatchskipError("the operator has no output {}".format(index))
        return tuple(like.shape[: like.rank]), DTYPES[like.dtype]

    def __del__(self):
        if self._handle:
            self._library.ps_plan_destroy(self._handle)


def pack(operator, attributes, inputs, dtype):
    """The constants of one node of an exported model.

    inputs: list of arrays for the constant inputs and (shape, dtype) for the others, None where absent. dtype: float32
    or float16, of the activations. -> (words [n], indices of the inputs that they replace); n = 0: none are needed. The
    words are float32 numbers or pairs of float16 ones, as int32, which nobody converts. Raises PatchskipError when the
    node is not as docs/op-spec.md has it.
    """
    loaded = native()
    listed, _keep = attribute_list(attributes)
    arrays = [None if i is None else np.ascontiguousarray(i) if isinstance(i, np.ndarray) else i for i in inputs]
    tensors = tensor_list(arrays)
    replaced, n_replaced = (ctypes.c_int32 * len(inputs))(), ctypes.c_int32()
    words = None
    for _ in range(2):  # the size, then the words
        pointer = words.ctypes.data_as(ctypes.POINTER(ctypes.c_float)) if words is not None else None
        size = loaded.ps_pack(
            operator.encode(),
            listed,
            len(listed),
            tensors,
            len(inputs),
            library.DTYPES[np.dtype(dtype)],
            pointer,
            replaced,
            ctypes.byref(n_replaced),
        )
        if size < 0:
            raise PatchskipError(last_error())
        if words is None:
            words = np.empty(size, np.int32)
    return words, list(replaced[: n_replaced.value])


def packed(operator, attributes, inputs, dtype):
    """-> (attributes, inputs) of the node with its constants packed into the last input, if it has any. As `pack`."""
    words, replaced = pack(operator, attributes, inputs, dtype)
    kept = [entry for i, entry in enumerate(inputs) if i not in replaced]
    if not words.size:
        return attributes, kept
    return dict(attributes, constants=words.size), kept + [words]


def attribute_list(attributes):
    """{name: value} -> (them as the library takes them, what they point into)"""
    keep = [library.attribute_struct(key, value) for key, value in attributes.items()]
    return (library.AttributeStruct * len(keep))(*[item[0] for item in keep]), keep


def tensor_list(tensors):
    """Arrays, (shape, dtype) where only that is known, None where absent -> them as the library takes them.

    A dtype of None is not known either.
    """
    return (library.TensorStruct * len(tensors))(*[_tensor(tensor) for tensor in tensors])


def _tensor(tensor):
    if tensor is None or isinstance(tensor, np.ndarray):
        return library.tensor_struct(tensor)
    shape, dtype = tensor
    address = 1  # is not read, but says that it is there
    made = library.TensorStruct(address, library.DTYPES[np.dtype(dtype)] if dtype else 0, len(shape))
    made.shape[: len(shape)] = list(shape)
    return made


def last_error():
    return library.load().ps_last_error().decode("utf-8", "replace")


def native():
    """The native library, its planner declared."""
    loaded = library.load()
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
    tensor, attributes = ctypes.POINTER(library.TensorStruct), ctypes.POINTER(library.AttributeStruct)
    numbers, node = ctypes.POINTER(ctypes.c_int32), [text, attributes, number]
    for name, result, arguments in (
        ("ps_plan_create", pointer, node + [tensor, number, number, number, number]),
        ("ps_plan_destroy", None, [pointer]),
        ("ps_plan_workspace", ctypes.c_int64, [pointer]),
        ("ps_plan_output", number, [pointer, number, tensor]),
        ("ps_plan_launches", number, [pointer, pointer, pointer, pointer, ctypes.POINTER(Launch)]),
        (
            "ps_pack",
            ctypes.c_int64,
            node + [tensor, number, number, ctypes.POINTER(ctypes.c_float), numbers, numbers],
        ),
        ("ps_attribute_name", text, [text, number]),
        ("ps_output_count", number, node),
        ("ps_output_shape", number, node + [tensor, number, number, ctypes.POINTER(ctypes.c_int64)]),
        ("ps_output_type", number, node + [tensor, number, number]),
        ("ps_accepts", number, node + [tensor, number, number]),
        ("ps_aliased_input", number, node + [number]),
    ):
        try:
            function = getattr(loaded, name)
        except AttributeError as error:
            raise PatchskipError("{} is older than this package; {}".format(error, library.HOW_TO_BUILD)) from None
        function.restype, function.argtypes = result, arguments
    return loaded
