"""What builder.py asks of TensorRT 8.2, which stands in here: it exists for Jetsons only."""

import enum
import json
import sys
import types

import pytest
from engines import masked_sum, picture

from patchskip import PatchskipError
from patchskip.plugins.cuda import emulator
from patchskip.runtime.tensorrt import builder, loading, onnx_file

PLUGIN = {"kind": "c++", "version": "1", "sha256": "00", "path": "/p.so"}
LAYER = "Layer(PluginV2): sum, Tactic: 0, y.cache[Float(1,8,12,3)] -> y[Float(1,8,12,3)]"
COPY = "Layer(Reformat): Reformatting CopyNode for Input Tensor 1 to sum, Tactic: 0, y.cache[Float(8)] -> c[Half(8)]"


class ILogger:
    ERROR, INTERNAL_ERROR, VERBOSE = range(3)


class Config:
    def __init__(self):
        self.flags, self.cache = [], None

    def set_flag(self, flag):
        self.flags.append(flag)

    def clear_flag(self, flag):
        self.flags.append(("cleared", flag))

    def create_timing_cache(self, data):
        return data

    def set_timing_cache(self, cache, ignore_mismatch):
        if cache != b"of another GPU":
            self.cache = cache
        return cache != b"of another GPU"

    def get_timing_cache(self):
        return types.SimpleNamespace(serialize=lambda: self.cache + b"!")


class Tensorrt(types.ModuleType):
    """`said`: what it logs, `engine`: what it builds; `config` and `tensors` are what it was told."""

    def __init__(self):
        super().__init__("tensorrt")
        self.__version__, self.ILogger = "8.2.1.8", ILogger
        self.BuilderFlag = enum.Enum("BuilderFlag", "FP16")
        self.TensorFormat = enum.IntEnum("TensorFormat", "LINEAR CHW2", start=0)
        self.NetworkDefinitionCreationFlag = enum.IntEnum("NetworkDefinitionCreationFlag", "EXPLICIT_BATCH", start=0)
        self.Builder, self.OnnxParser, self.init_libnvinfer_plugins = self._builder, self._parser, lambda *_: True
        self.said, self.engine, self.config = [LAYER], b"12345", Config()

    def get_plugin_registry(self):
        names = ("PatchMask", "PatchGate", "PatchSkip")
        return types.SimpleNamespace(get_plugin_creator=lambda name, version, namespace: name in names)

    def _builder(self, log):
        def create_network(flags):
            assert flags == 1
            values = onnx_file.read(masked_sum().encode()).graph
            self.tensors = [types.SimpleNamespace(name=value.name) for value in values.inputs + values.outputs]
            n_inputs = len(values.inputs)
            return types.SimpleNamespace(
                num_inputs=n_inputs,
                num_outputs=len(self.tensors) - n_inputs,
                get_input=lambda i: self.tensors[i],
                get_output=lambda i: self.tensors[n_inputs + i],
            )

        def build_serialized_network(network, config):
            for message in self.said:
                log.log(ILogger.VERBOSE, message)
            if self.engine is None:
                log.log(ILogger.ERROR, "no memory")
            return self.engine

        return types.SimpleNamespace(
            create_network=create_network,
            create_builder_config=lambda: self.config,
            build_serialized_network=build_serialized_network,
        )

    def _parser(self, network, log):
        return types.SimpleNamespace(parse=lambda data: True)


@pytest.fixture
def tensorrt(monkeypatch):
    made = Tensorrt()
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", emulator.library())
    monkeypatch.setitem(sys.modules, "tensorrt", made)
    monkeypatch.setattr(loading, "_loaded", {})
    monkeypatch.setattr(loading, "_load_library", lambda trt, path: PLUGIN)
    return made


@pytest.fixture
def build(tensorrt, tmp_path):
    """build(what is asked for) -> the answer"""
    (tmp_path / "m.onnx").write_bytes(masked_sum().encode())
    request = {
        "model": str(tmp_path / "m.onnx"),
        "output": str(tmp_path / "m.engine"),
        "precision": "float32",
        "workspace": 1 << 26,
        "timing_cache": None,
        "plugin": None,
        "device": None,
        "verbose": False,
    }
    return lambda **asked: builder.build(dict(request, **asked), pytest.fail)


def test_an_engine(build, tensorrt, tmp_path):
    answer = build()
    assert (tmp_path / "m.engine").read_bytes() == b"12345" and answer["notes"] == []
    assert tensorrt.config.max_workspace_size == 1 << 26 and tensorrt.config.flags == []
    assert all(tensor.allowed_formats == 1 for tensor in tensorrt.tensors)
    sidecar = answer["sidecar"]
    assert (sidecar["tensorrt"], sidecar["flavour"], sidecar["plugin"]) == ("8.2.1.8", "tensorrt", PLUGIN)
    assert sidecar["gpu"] and sidecar["sm"] and sidecar["onnx"]["file"] == "m.onnx"
    assert json.loads(json.dumps(answer)) == answer


def test_float32_is_not_rounded_to_tf32(build, tensorrt):
    """Which newer TensorRT does by default; a gate's decision would be another."""
    tensorrt.BuilderFlag = enum.Enum("BuilderFlag", "FP16 TF32")
    build()
    assert tensorrt.config.flags == [("cleared", tensorrt.BuilderFlag.TF32)]


def test_float16(build, tensorrt, tmp_path):
    pytest.importorskip("onnx")
    (tmp_path / "picture.onnx").write_bytes(picture()[1])
    metadata = build(model=str(tmp_path / "picture.onnx"), precision="float16")["sidecar"]["metadata"]
    assert tensorrt.config.flags == [tensorrt.BuilderFlag.FP16]
    assert {state["dtype"] for state in metadata["states"]} == {"float16"}


@pytest.fixture
def gated(tmp_path):
    """-> a model's path, what its widest node needs of workspace"""
    model = masked_sum()
    model.graph.nodes[1].set_attribute("threshold", 0.5)
    model.graph.nodes[1].outputs = ["y", "changed"]
    (tmp_path / "gated.onnx").write_bytes(model.encode())
    return str(tmp_path / "gated.onnx"), 8 * 12 * 3 * 4


def test_no_less_workspace_than_a_plugin_needs(build, tensorrt, gated):
    path, needed = gated
    for asked, given in ((1, needed), (needed, needed), (needed + 1, needed + 1)):
        sidecar = build(model=path, workspace=asked)["sidecar"]
        assert tensorrt.config.max_workspace_size == sidecar["workspace_bytes"] == given


def test_no_memory_for_what_a_plugin_needs(build, gated, monkeypatch):
    asked = []
    monkeypatch.setattr(builder, "check_memory", lambda model, mib, or_else: asked.append((model, mib, or_else)))
    build(model=gated[0], workspace=gated[1])
    assert asked == []
    build(model=gated[0], workspace=gated[1] - 1)
    assert asked == [(gated[0], 1, "export with a smaller --input-size")]


def test_a_timing_cache(build, tensorrt, tmp_path):
    cache = tmp_path / "cache"
    for content in (b"!", b"!!"):
        assert build(timing_cache=str(cache))["notes"] == [] and cache.read_bytes() == content
    cache.write_bytes(b"of another GPU")
    assert "begins anew" in build(timing_cache=str(cache))["notes"][0] and cache.read_bytes() == b"!"


def test_a_state_that_would_be_copied(build, tensorrt, tmp_path):
    tensorrt.said = [COPY + "\n" + LAYER]
    with pytest.raises(PatchskipError, match="would copy states of .*m.onnx .*Reformatting CopyNode.*--verbose"):
        build()
    assert not (tmp_path / "m.engine").exists()


def test_a_log_without_layers(build, tensorrt):
    tensorrt.said = []
    assert "not known" in build()["notes"][0]


def test_no_engine(build, tensorrt):
    tensorrt.engine = None
    with pytest.raises(PatchskipError, match="cannot build an engine of .*m.onnx: no memory"):
        build()


def test_no_gpu(build, monkeypatch):
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", "/nowhere/libcuda.so")
    with pytest.raises(PatchskipError, match="TensorRT builds an engine on the GPU that it is for: .*libcuda"):
        build()
