"""TensorRT as it is on this machine, with our operators in its registry: the one place where either is loaded."""

import ctypes
import hashlib
import importlib
import importlib.util
import os
import tempfile
from typing import Dict, List, Optional, Tuple

from patchskip import __version__
from patchskip.plugins import build, library
from patchskip.runtime.errors import PatchskipError, one_line

from . import engine_log

FLAVOURS = ("tensorrt", "tensorrt_rtx")  # modules with the same interface: NVIDIA's TensorRT, and TensorRT for RTX
LIBRARY = os.path.join(build.PLUGINS, "libpatchskip_tensorrt.so")
PYTHON = "python"
OPERATORS = ("PatchMask", "PatchGate", "PatchSkip")
PLUGIN_VERSION, NAMESPACE = "1", ""  # as the ONNX parser looks an operator up

_loaded: Dict[Tuple[Optional[str], Optional[str]], "Loaded"] = {}
_kept: List[object] = []  # until the process ends


class Loaded(object):
    """trt: NVIDIA's module. flavour, version: which one it is. log: an ILogger with `last()`, its last error.

    plugin: {"kind": "c++" or "python", "version", "sha256", "path": the library; none of the Python plugin}
    """

    def __init__(self, trt, flavour, plugin, log):
        self.trt, self.flavour, self.version = trt, flavour, trt.__version__
        self.plugin, self.log = plugin, log


def load(flavour=None, plugin=None, device=(53, 1)):
    """-> Loaded, once per process.

    flavour: default: the first of FLAVOURS that is installed. plugin: `python`, or a library that `make plugin` wrote;
    default: LIBRARY where there is one, else `python` where TensorRT takes such. device: (compute capability,
    multiprocessors) that the Python plugin plans for while an engine is built.

    Raises PatchskipError when there is no TensorRT, no plugin, or one that does not fit.
    """
    if (flavour, plugin) not in _loaded:
        trt, flavour = _import(flavour)
        log = make_log(trt)
        trt.init_libnvinfer_plugins(log, "")
        described = _load_plugin(trt, flavour, plugin, device, log)
        _expect_creators(trt, described)
        made = Loaded(trt, flavour, described, log)
        _loaded.update({(flavour, plugin): made, (None, plugin): made})
    return _loaded[flavour, plugin]


def make_log(trt):
    class Log(trt.ILogger):  # type: ignore[name-defined]
        """stream: where every line goes. layers: [engine_log.Layer] that TensorRT has listed."""

        def __init__(self):
            trt.ILogger.__init__(self)
            self.stream, self.layers, self._errors = None, [], []

        def log(self, severity, message):
            if self.stream:
                self.stream.write(message + "\n")
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self._errors.append(one_line(message))
            self.layers += engine_log.layers(message)

        def failed(self, message):
            """Something of ours failed in a call of TensorRT's."""
            self._errors.append(message)

        def last(self):
            """-> why the last thing failed."""
            return self._errors[-1] if self._errors else "it gives no reason"

    return Log()


def _import(flavour):
    reasons = []
    for name in [flavour] if flavour else FLAVOURS:
        try:
            if name == "tensorrt_rtx":
                _let_parser_find_rtx()
            return importlib.import_module(name), name
        except ImportError as error:
            reasons.append(one_line(error))
    raise PatchskipError(
        "TensorRT cannot be imported ({}); on a Jetson it is JetPack's (apt install python3-libnvinfer; a virtual "
        "environment needs --system-site-packages), elsewhere pip install {}".format(
            "; ".join(reasons), flavour or "tensorrt"
        )
    )


def _let_parser_find_rtx():
    """The ONNX parser of TensorRT for RTX opens libtensorrt_rtx.so, and ends the process when there is none; the wheel
    has libtensorrt_rtx.so.1 only. It looks beside itself: so it is loaded through a folder of links that has both.
    """
    spec = importlib.util.find_spec("tensorrt_rtx_libs")
    if not spec or not spec.origin:
        return
    wheel, links = os.path.dirname(spec.origin), tempfile.TemporaryDirectory(prefix="patchskip-")
    parser = next((name for name in sorted(os.listdir(wheel)) if "onnxparser" in name), None)
    if not parser or os.path.exists(os.path.join(wheel, "libtensorrt_rtx.so")):
        return
    for name in os.listdir(wheel):
        os.symlink(os.path.join(wheel, name), os.path.join(links.name, name))
    os.symlink(os.path.join(wheel, "libtensorrt_rtx.so.1"), os.path.join(links.name, "libtensorrt_rtx.so"))
    _kept.extend([links, ctypes.CDLL(os.path.join(links.name, parser))])


def _load_plugin(trt, flavour, plugin, device, log):
    takes_python = hasattr(trt, "IPluginV3")
    if plugin is None:
        plugin = LIBRARY if flavour == "tensorrt" and (os.path.exists(LIBRARY) or not takes_python) else PYTHON
    if plugin != PYTHON:
        return _load_library(trt, plugin)
    if not takes_python:
        raise PatchskipError(
            "TensorRT {} takes no plugin in Python; make the C++ one with `make plugin`".format(trt.__version__)
        )
    from patchskip.plugins.tensorrt import plugin as python_plugin

    python_plugin.register(trt, device, lambda message: log.failed(message))
    return {"kind": "python", "version": __version__, "sha256": _sha256(python_plugin.__file__, library.path())}


def _load_library(trt, path):
    if not os.path.isfile(path):
        raise PatchskipError("there is no TensorRT plugin {}; make it with `make plugin`".format(path))
    try:
        opened = ctypes.CDLL(os.path.abspath(path), ctypes.RTLD_GLOBAL)
        opened.patchskip_plugin_version.restype = ctypes.c_char_p
        version = opened.patchskip_plugin_version().decode()
        if hasattr(opened, "patchskip_register"):  # for TensorRT 8
            opened.patchskip_register()
        else:
            trt.get_plugin_registry().load_library(os.path.abspath(path))
    except (OSError, AttributeError, RuntimeError) as error:
        raise PatchskipError(
            "the TensorRT plugin {} does not load ({}); make it again with `make plugin`".format(path, one_line(error))
        ) from None
    return {"kind": "c++", "version": version, "sha256": _sha256(path), "path": os.path.abspath(path)}


def _expect_creators(trt, described):
    registry = trt.get_plugin_registry()
    find = registry.get_creator if hasattr(registry, "get_creator") else registry.get_plugin_creator
    missing = [name for name in OPERATORS if not find(name, PLUGIN_VERSION, NAMESPACE)]
    if missing:
        listed = registry.all_creators if hasattr(registry, "all_creators") else registry.plugin_creator_list
        raise PatchskipError(
            "{} registered no {} with TensorRT {}; it has {}; make the plugin for this TensorRT with `make "
            "plugin`".format(
                described.get("path", "the Python plugin"),
                ", ".join(missing),
                trt.__version__,
                ", ".join(sorted({creator.name for creator in listed})) or "none at all",
            )
        )


def _sha256(*paths):
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()
