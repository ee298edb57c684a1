"""What stands for TensorRT (host.h): C++ programs that drive the plugin, for each version whose headers are there.

`node` needs no headers: it drives what the plugins of all versions have in common (plugins/tensorrt/node.h).
$PATCHSKIP_TENSORRT_INCLUDES names folders of TensorRT's headers, separated by colons; at most one of TensorRT 8.
"""

import ctypes
import functools
import os
import subprocess

import numpy as np
import pytest

from patchskip.plugins import build as native
from patchskip.plugins import library
from patchskip.plugins.library import DTYPES, AttributeStruct, TensorStruct
from patchskip.plugins.tensorrt import build

HERE = os.path.dirname(os.path.abspath(__file__))
INCLUDES = [folder for folder in os.environ.get("PATCHSKIP_TENSORRT_INCLUDES", "").split(":") if folder]
# For the emulated driver, which refuses that of sm_70.
CUBINS = {53: b"a cubin", 70: b"\0", 75: b"a cubin"}
NUMPY = {number: dtype for dtype, number in DTYPES.items()}
MISSING = "no TensorRT headers: set PATCHSKIP_TENSORRT_INCLUDES"
NO_REGISTRY = "no TensorRT of the headers' version: pip install tensorrt_dispatch_cu13_libs"


class Refused(Exception):
    """The plugin refused; what it logged."""


def folder():
    made = os.path.join(native.folder(), "hosts")
    os.makedirs(made, exist_ok=True)
    return made


def plugin(include, user):
    """-> the plugin for the TensorRT whose headers are in `include`, a file for each user: it has one logger."""
    return build.build_plugin(include, CUBINS, os.path.join(folder(), "plugin-{}-{}.so".format(user, version(include))))


@functools.lru_cache(maxsize=None)
def version(include):
    return build.text(build.tensorrt_version(include))


def compile_host(source, include, output, *flags):
    headers = ["-I" + native.PLUGINS, "-isystem", os.path.join(native.PLUGINS, "tensorrt", "cuda_types")]
    command = native.compiler() + native.FLAGS + ["-O0", "-shared", "-Wno-deprecated-declarations"] + headers
    command += ["-isystem", include, os.path.join(HERE, source), "-o", output, "-ldl"] + list(flags)
    subprocess.run(command, check=True)
    return output


def tensorrt_library(major):
    """-> a library of TensorRT that has a registry and needs no GPU; None where there is none of this version."""
    try:
        import tensorrt_dispatch_libs as wheel
    except ImportError:
        return None
    path = os.path.join(os.path.dirname(wheel.__file__), "libnvinfer_dispatch.so.{}".format(major))
    return path if os.path.exists(path) else None


class Host:
    """A host with the plugin's operators: create, deserialise.

    version: TensorRT's major one, 0 without TensorRT.
    """

    def __init__(self, file, version=0, plugin=None, registry=None):
        self.version = version
        self._native = _declare(ctypes.CDLL(file))
        paths = [os.fsencode(path) if path else None for path in (plugin, registry)]
        if self._native.host_open(*paths):
            raise Refused("no plugins: " + self.log())

    def log(self):
        return self._native.host_log().decode()

    def create(self, operator, attributes):
        keep = [library.attribute_struct(key, value) for key, value in attributes.items()]
        listed = (AttributeStruct * len(keep))(*[item[0] for item in keep])
        return self._plugin(operator, self._native.host_create(operator.encode(), listed, len(keep)))

    def deserialise(self, operator, data):
        return self._plugin(operator, self._native.host_deserialise(operator.encode(), data, len(data)))

    def _plugin(self, operator, handle):
        if not handle:
            raise Refused(self.log())
        return Plugin(self, self._native, operator, handle)


class Plugin:
    """Tensors are (shape, dtype)."""

    def __init__(self, host, native, operator, handle):
        self.host, self.operator, self._native, self._handle = host, operator, native, handle
        self.outputs = native.host_outputs(handle)

    def __del__(self):
        self._native.host_destroy(self._handle)

    def clone(self):
        return Plugin(self.host, self._native, self.operator, self._native.host_clone(self._handle))

    def serialised(self):
        data = ctypes.create_string_buffer(self._native.host_serialise(self._handle, None))
        self._native.host_serialise(self._handle, data)
        return data.raw

    def aliased_input(self, output):
        return self._native.host_aliased_input(self._handle, output)

    def output(self, index, inputs):
        """-> (shape, dtype)."""
        like = TensorStruct()
        if self._native.host_output(self._handle, index, _tensors(inputs), len(inputs), ctypes.byref(like)):
            raise Refused(self.host.log())
        return tuple(like.shape[: like.rank]), NUMPY[like.dtype]

    def accepts(self, position, inputs, outputs, linear=True):
        tensors = _tensors(inputs + outputs)
        return bool(self._native.host_accepts(self._handle, position, tensors, len(inputs), len(outputs), int(linear)))

    def configure(self, inputs, outputs):
        if self._native.host_configure(self._handle, _tensors(inputs + outputs), len(inputs), len(outputs)):
            raise Refused(self.host.log())

    def workspace(self, inputs, outputs):
        return self._native.host_workspace(self._handle, _tensors(inputs + outputs), len(inputs), len(outputs))

    def enqueue(self, inputs, outputs, addresses, workspace, stream):
        """addresses: of the inputs, then of the outputs."""
        tensors = _tensors(inputs + outputs, addresses)
        if self._native.host_enqueue(self._handle, tensors, len(inputs), len(outputs), workspace, stream):
            raise Refused(self.host.log())


def _tensors(described, addresses=None):
    made = (TensorStruct * len(described))()
    for i, (shape, dtype) in enumerate(described):
        made[i].data = addresses[i] if addresses else 1  # it is there
        made[i].dtype, made[i].rank = DTYPES.get(np.dtype(dtype), 3), len(shape)
        made[i].shape[: len(shape)] = list(shape)
    return made


def _declare(native):
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
    tensors = ctypes.POINTER(TensorStruct)
    for name, result, arguments in (
        ("host_open", number, [text, text]),
        ("host_log", text, []),
        ("host_create", pointer, [text, ctypes.POINTER(AttributeStruct), number]),
        ("host_deserialise", pointer, [text, text, number]),
        ("host_clone", pointer, [pointer]),
        ("host_destroy", None, [pointer]),
        ("host_serialise", number, [pointer, pointer]),
        ("host_outputs", number, [pointer]),
        ("host_aliased_input", number, [pointer, number]),
        ("host_output", number, [pointer, number, tensors, number, tensors]),
        ("host_accepts", number, [pointer, number, tensors, number, number, number]),
        ("host_configure", number, [pointer, tensors, number, number]),
        ("host_workspace", ctypes.c_int64, [pointer, tensors, number, number]),
        ("host_enqueue", number, [pointer, tensors, number, number, pointer, pointer]),
    ):
        function = getattr(native, name)
        function.restype, function.argtypes = result, arguments
    return native


def node():
    cubins = build.embed(CUBINS)
    source = os.path.join(HERE, "host_node.cc")
    return Host(native.build_tensorrt(os.path.join(folder(), "host-node.so"), source, cubins))


def tensorrt(include):
    major = _major(include)
    if major == 8:  # found by this name
        made = compile_host(
            "host_v2.cc", include, os.path.join(folder(), "libnvinfer.so.8"), "-Wl,-soname,libnvinfer.so.8"
        )
    else:
        made = compile_host("host_v3.cc", include, os.path.join(folder(), "host-{}.so".format(version(include))))
    return Host(made, major, plugin(include, "tensorrt"))


def registry(include):
    """As `tensorrt`, but TensorRT's own registry loads the plugin. It has no logger before there is a runtime."""
    made = compile_host("host_v3.cc", include, os.path.join(folder(), "registry-{}.so".format(version(include))))
    major = _major(include)
    return Host(made, major, plugin(include, "registry"), tensorrt_library(major))


def _major(include):
    return build.tensorrt_version(include)[0]


def _param(make, name, include):
    return pytest.param(functools.partial(make, include), id="{}-{}".format(name, version(include)))


REGISTRIES = [include for include in INCLUDES if tensorrt_library(_major(include))]
LOGGING = [pytest.param(node, id="node")] + [_param(tensorrt, "tensorrt", include) for include in INCLUDES]
EACH = LOGGING + [_param(registry, "registry", include) for include in REGISTRIES]
_made = {}


def make(which):
    """The host, made once."""
    key = which if which is node else (which.func, which.args)
    if key not in _made:
        _made[key] = which()
    return _made[key]
