"""Small exported models, as files, and the command that builds engines of them."""

import gc
import importlib.util
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
SOURCES = pathlib.Path(__file__).parents[3] / "src"


@pytest.fixture
def build(tmp_path):
    """build(content, *options) -> (exit status, standard output, standard error) of `patchskip build m.patchskip.onnx`.

    In tmp_path, with TensorRT for RTX, which needs no GPU to build. Nothing is deserialised: that needs one.
    """
    if importlib.util.find_spec("tensorrt_rtx") is None:
        pytest.skip("needs TensorRT for RTX: pip install tensorrt_rtx==1.7.1.116")

    def run(content, *options):
        (tmp_path / "m.patchskip.onnx").write_bytes(content)
        process = subprocess.run(
            [sys.executable, "-m", "patchskip", "build", "m.patchskip.onnx", *options],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            capture_output=True,
            text=True,
        )
        return process.returncode, process.stdout, process.stderr

    return run


@pytest.fixture(scope="session")
def exported():
    """exported(**options of convert) -> the demonstration network's export, as a file's content.

    Its output is made by Flatten: it is the network's and a cache.
    """
    pytest.importorskip("onnx")
    from patchskip.benchmarks.demo_network import build
    from patchskip.export import convert

    return lambda **options: convert(build((64, 96)), **options).model.SerializeToString()


@pytest.fixture(scope="session", params=["hidden", "an output"])
def with_dense_tail(request):
    """The export of a convolution whose result a dense node reads, one PatchSkip node with PRelu. The result may be
    what the user reads too."""
    outputs = ["y"] if request.param == "hidden" else ["y", "features"]
    onnx = pytest.importorskip("onnx")
    import numpy as np

    from patchskip.export import convert

    helper = onnx.helper
    rng = np.random.default_rng(0)
    arrays = {"w": rng.normal(size=(4, 3, 3, 3)), "b": rng.normal(size=4), "slope": rng.uniform(size=(4, 1, 1))}
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w", "b"], ["conv"], "conv", pads=[1] * 4),
            helper.make_node("PRelu", ["conv", "slope"], ["features"], "prelu"),
            helper.make_node("Softmax", ["features"], ["y"], "share", axis=1),
        ],
        "net",
        [helper.make_tensor_value_info("x", 1, [1, 3, 32, 48])],
        [helper.make_tensor_value_info(name, 1, None) for name in outputs],
        [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return convert(onnx.shape_inference.infer_shapes(model)).model.SerializeToString()


@pytest.fixture
def gpu(monkeypatch):
    """The emulated GPU."""
    from patchskip.plugins.cuda import emulator

    monkeypatch.setenv("PATCHSKIP_LIBCUDA", emulator.library())
    yield
    gc.collect()  # an error's traceback holds the context, which is lost when it failed


@pytest.fixture
def tensorrt(gpu, monkeypatch):
    """tensorrt(version): from now on `import tensorrt` gives the fake one, with our plugin."""
    import fake_tensorrt

    from patchskip.runtime.tensorrt import loading

    def install(version="8.2.1.8"):
        monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt.module(version))
        monkeypatch.setattr(loading, "_loaded", {})
        monkeypatch.setattr(loading, "_load_plugin", lambda *_: {"kind": "c++", "version": "1", "sha256": "0"})

    return install
