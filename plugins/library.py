"""The native library: where it is, whether it fits this machine, and its operators on numpy arrays.

ONNX Runtime loads the same file (`SessionOptions.register_custom_ops_library(library.path())`). `Operator` calls it
without a runtime between, for tests and benchmarks.
"""

import ctypes
import os
import platform
import struct
from typing import Dict

import numpy as np

from patchskip.runtime.errors import PatchskipError

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libpatchskip.so")
VERSION = "1"  # of the interface between the library and this package: ps_version()
HOW_TO_BUILD = "build it with `python plugins/build.py` or `pip install .`"

ELF_MACHINES = {3: "i686", 40: "armv7l", 62: "x86_64", 183: "aarch64", 243: "riscv64"}
DTYPES = {np.dtype(np.float32): 1, np.dtype(np.uint8): 2, np.dtype(np.int32): 6, np.dtype(np.float16): 10}
INTS, FLOATS, STRING = 0, 1, 2
MAX_RANK = 6

_loaded: Dict[str, ctypes.CDLL] = {}


class AttributeStruct(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("kind", ctypes.c_int32),
        ("count", ctypes.c_int32),
        ("values", ctypes.c_void_p),
    ]


class TensorStruct(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_int32),
        ("rank", ctypes.c_int32),
        ("shape", ctypes.c_int64 * MAX_RANK),
    ]


def path():
    """The library's file, after it has been loaded once. Raises PatchskipError as `load`."""
    load()
    return FILE


def load(file=None):
    """The library as a ctypes.CDLL, loaded once.

    Raises PatchskipError when it is missing, built for another machine or of another version, and when $PATCHSKIP_ISA
    is no instruction set of this machine.
    """
    file = os.path.abspath(file or FILE)
    if file not in _loaded:
        _check_file(file)
        try:
            library = _declare(ctypes.CDLL(file))
        except (OSError, AttributeError) as error:
            raise PatchskipError("loading {}: {}; {}".format(file, error, HOW_TO_BUILD)) from None
        found = library.ps_version().decode()
        if found != VERSION:
            raise PatchskipError(
                "loading {}: its interface is version {}, this package needs {}; {}".format(
                    file, found, VERSION, HOW_TO_BUILD
                )
            )
        _check_isa(library.ps_isas().decode())
        _loaded[file] = library
    return _loaded[file]


def set_threads(count):
    """Threads for the operators that the calling thread runs; 0 = the default ($PATCHSKIP_THREADS, or all cores)."""
    load().ps_set_threads(count)


def compiler():
    """What made the library, such as "GCC 12.2.0"."""
    return load().ps_compiler().decode()


def isa():
    """The instruction set in use: `avx512`, `avx2`, `neon` or `portable`."""
    return load().ps_isa().decode()


def isas():
    """The instruction sets that are built in and that this machine has, best first."""
    return load().ps_isas().decode().split(",")


def set_isa(name):
    """Chooses the instruction set of the operators made from now on. Raises PatchskipError for one not in `isas()`."""
    if load().ps_set_isa(name.encode()):
        raise PatchskipError("instruction set {!r} is not usable here; one of {} is".format(name, ", ".join(isas())))


class Operator(object):
    """One native operator.

    name: `PatchMask`, `PatchGate` or `PatchSkip`. attributes: {name: str, int, float, or a sequence of int or float},
    as in docs/op-spec.md. Raises PatchskipError when the library refuses them.
    """

    def __init__(self, name, attributes):
        self._library = load()
        self._handle = None
        keep = [attribute_struct(key, value) for key, value in attributes.items()]
        array = (AttributeStruct * len(keep))(*[item[0] for item in keep])
        self._handle = self._library.ps_create(name.encode(), array, len(keep))
        if not self._handle:
            raise PatchskipError(self._error())

    def run(self, inputs, outputs):
        """Writes `outputs`. Both are lists of C-contiguous arrays, float32, uint8 or int32; None where one is absent.

        An output may be the same memory as `cache` or `reference`. Raises PatchskipError when the library refuses the
        arrays: nothing has been written then.
        """
        ins = (TensorStruct * len(inputs))(*[tensor_struct(array) for array in inputs])
        outs = (TensorStruct * len(outputs))(*[tensor_struct(array) for array in outputs])
        if self._library.ps_run(self._handle, ins, len(inputs), outs, len(outputs)):
            raise PatchskipError(self._error())

    def __del__(self):
        if self._handle:
            self._library.ps_destroy(self._handle)

    def _error(self):
        return self._library.ps_last_error().decode("utf-8", "replace")


def _check_file(file):
    """Raises PatchskipError unless `file` is a whole library for this machine: loading a part of one is fatal."""
    try:
        with open(file, "rb") as stream:
            header, size = stream.read(64), os.fstat(stream.fileno()).st_size
    except OSError as error:
        raise PatchskipError("loading {}: {}; {}".format(file, error.strerror, HOW_TO_BUILD)) from None
    if header[:4] != b"\x7fELF" or len(header) < 64:
        raise PatchskipError("loading {}: not a shared library, or not all of it; {}".format(file, HOW_TO_BUILD))
    if header[4] == 2:  # 64 bits: the table of sections is the file's end
        table, entry_size, entries = struct.unpack_from("<Q", header, 40) + struct.unpack_from("<HH", header, 58)
        if table + entry_size * entries > size:
            raise PatchskipError(
                "loading {}: not all of a shared library ({} bytes of {}); {}".format(
                    file, size, table + entry_size * entries, HOW_TO_BUILD
                )
            )
    number, here = struct.unpack_from("<H", header, 18)[0], platform.machine()
    built_for = ELF_MACHINES.get(number, "ELF machine {}".format(number))
    if here in ELF_MACHINES.values() and built_for != here:
        raise PatchskipError(
            "loading {}: built for {}, this machine is {}; {}".format(file, built_for, here, HOW_TO_BUILD)
        )


def _check_isa(usable):
    asked = os.environ.get("PATCHSKIP_ISA")
    if asked and asked not in usable.split(","):
        raise PatchskipError(
            "PATCHSKIP_ISA is {!r}, this machine has {}; set one of these or unset it".format(
                asked, usable.replace(",", ", ")
            )
        )


def _declare(library):
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
    tensors, attributes = ctypes.POINTER(TensorStruct), ctypes.POINTER(AttributeStruct)
    for name, result, arguments in (
        ("ps_version", text, []),
        ("ps_compiler", text, []),
        ("ps_last_error", text, []),
        ("ps_create", pointer, [text, attributes, number]),
        ("ps_run", number, [pointer, tensors, number, tensors, number]),
        ("ps_destroy", None, [pointer]),
        ("ps_isa", text, []),
        ("ps_isas", text, []),
        ("ps_set_isa", number, [text]),
        ("ps_set_threads", None, [number]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def attribute_values(value):
    """An attribute's value -> (kind, array), as ps_attribute has them: int64, float32, or the bytes of a string."""
    if isinstance(value, str):
        return STRING, np.frombuffer(value.encode(), np.uint8)
    values = np.atleast_1d(np.asarray(value))
    if values.size == 0 or values.dtype.kind in "biu":
        return INTS, np.ascontiguousarray(values, np.int64)
    return FLOATS, np.ascontiguousarray(values, np.float32)


def attribute_struct(name, value):
    """-> (AttributeStruct, what it points into)."""
    kind, values = attribute_values(value)
    name = name.encode()
    return AttributeStruct(name, kind, values.size, values.ctypes.data), (name, values)


def tensor_struct(array):
    if array is None:
        return TensorStruct(None, 0, 0, (ctypes.c_int64 * MAX_RANK)())
    if array.dtype not in DTYPES or not array.flags.c_contiguous or array.ndim > MAX_RANK:
        raise PatchskipError(
            "an operator's array is {} {}{}; expected float32, uint8 or int32, C-contiguous".format(
                array.dtype, array.shape, "" if array.flags.c_contiguous else ", strided"
            )
        )
    shape = (ctypes.c_int64 * MAX_RANK)(*array.shape)
    return TensorStruct(array.ctypes.data, DTYPES[array.dtype], array.ndim, shape)
