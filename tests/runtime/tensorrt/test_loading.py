"""Which TensorRT and which plugin are loaded, on machines that have none of them."""

import sys
import types

import pytest

from patchskip import PatchskipError
from patchskip.runtime.tensorrt import loading


class Registry:
    """Of TensorRT 8."""

    def __init__(self, *names):
        self.plugin_creator_list = [types.SimpleNamespace(name=name) for name in names]

    def get_plugin_creator(self, name, version, namespace):
        return next((creator for creator in self.plugin_creator_list if creator.name == name), None)


@pytest.fixture
def tensorrt8(monkeypatch, tmp_path):
    """TensorRT 8.2 as far as loading goes; -> its registry's list of creators. There is no plugin of ours."""

    class Logger:
        ERROR, INTERNAL_ERROR = 1, 0

    registry = Registry("NMS_TRT")
    trt = types.ModuleType("tensorrt")
    trt.__version__, trt.ILogger, trt.get_plugin_registry = "8.2.1.9", Logger, lambda: registry
    trt.ILogger.__init__ = lambda self: None
    trt.init_libnvinfer_plugins = lambda log, namespace: True
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    monkeypatch.setattr(loading, "_loaded", {})
    monkeypatch.setattr(loading, "LIBRARY", str(tmp_path / "libpatchskip_tensorrt.so"))
    return registry.plugin_creator_list


def test_no_tensorrt(monkeypatch):
    monkeypatch.setattr(loading, "_loaded", {})
    for name in loading.FLAVOURS:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PatchskipError, match="TensorRT cannot be imported .*JetPack.*pip install tensorrt$"):
        loading.load()
    with pytest.raises(PatchskipError, match="pip install tensorrt_rtx$"):
        loading.load("tensorrt_rtx")


def test_tensorrt_8_needs_the_library(tensorrt8):
    with pytest.raises(PatchskipError, match=r"no TensorRT plugin .*libpatchskip_tensorrt.so; .*make plugin"):
        loading.load()
    with pytest.raises(PatchskipError, match=r"TensorRT 8.2.1.9 takes no plugin in Python; .*make plugin"):
        loading.load(plugin="python")


def test_what_is_no_plugin(tensorrt8, tmp_path):
    (tmp_path / "text.so").write_text("no library")
    with pytest.raises(PatchskipError, match=r"text.so does not load \(.*make plugin"):
        loading.load(plugin=str(tmp_path / "text.so"))


def test_a_plugin_that_registers_nothing(tensorrt8, monkeypatch):
    described = {"kind": "c++", "version": "1", "sha256": "", "path": "/p.so"}
    monkeypatch.setattr(loading, "_load_library", lambda trt, path: described)
    with pytest.raises(
        PatchskipError, match="/p.so registered no PatchMask, PatchGate, PatchSkip .* it has NMS_TRT; make"
    ):
        loading.load(plugin="/p.so")
    tensorrt8 += [types.SimpleNamespace(name=name) for name in ("PatchMask", "PatchGate", "PatchSkip")]
    loaded = loading.load(plugin="/p.so")
    assert (loaded.flavour, loaded.version, loaded.plugin) == ("tensorrt", "8.2.1.9", described)
    assert loading.load(plugin="/p.so") is loaded is loading.load("tensorrt", "/p.so")


def test_the_last_error(tensorrt8):
    log = loading.make_log(sys.modules["tensorrt"])
    assert log.last() == "it gives no reason"
    log.log(1, "first")
    log.log(3, "a warning")
    log.log(0, "second,\nin two lines")
    assert log.last() == "second, in two lines"
