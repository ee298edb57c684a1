"""The check of a GPU, all but the dense times, on the emulated driver."""

import json

import numpy as np
import onnx
import pytest

from patchskip.benchmarks import gpu_agreement, gpu_check, gpu_page, gpu_timing, roofline
from patchskip.benchmarks.demo_network import build
from patchskip.export import convert
from patchskip.export.command import save
from patchskip.export.metadata import metadata_of
from patchskip.plugins.cuda import compile, emulator
from patchskip.runtime.errors import PatchskipError

CLIP = "synthetic://?frames=3&size=96x64"


@pytest.fixture(scope="module", params=["exact", "delta"])
def model(request, tmp_path_factory):
    """-> path of a small exported network."""
    path = tmp_path_factory.mktemp("model") / "small.patchskip.onnx"
    save(convert(build((64, 96)), gate=request.param, input="u8").model, path)
    return str(path)


def test_check(model, tmp_path, monkeypatch, capsys):
    try:
        compile.compiler(53)
    except PatchskipError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", emulator.library())
    monkeypatch.setattr(gpu_timing, "CLOCK", ("/nowhere/nvidia-smi",))
    monkeypatch.setattr(gpu_timing, "WARM_S", 0)
    command = [model, "--source", CLIP, "--frames", "3", "--no-cases", "--runs", "2", "--turns", "1"]
    assert gpu_check.main([*command, "--json", str(tmp_path / "r.json"), "-o", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["gpu"]["name"] == "emulated"
    assert [(row["precision"], row["frames"], row["same"]) for row in result["frames"]] == [
        ("float32", 3, True),
        ("float16", 3, True),
    ]
    page = (tmp_path / "gpu-emulated.md").read_text()
    assert page == capsys.readouterr().out.rstrip("\n") + "\n"
    assert "| small | float32 | 3 |" in page and "| MHz |" in page
    assert {row["mhz"] for row in result["frames"] + result["layers"]} == {None}


def test_cases(tmp_path, monkeypatch):
    tests = tmp_path / "tests" / "plugins" / "test_operators.py"
    monkeypatch.setattr(gpu_check, "TESTS", tests)
    assert gpu_check.cases()["passed"] is None
    tests.parent.mkdir(parents=True)
    body = "import pytest\n@pytest.mark.parametrize('name', ['cuda', 'cuda-emulated', 'cuda-f16'])\n"
    tests.write_text(body + "def test_case(name):\n    assert name == 'cuda'\n")
    found = gpu_check.cases()
    assert not found["passed"] and found["summary"].startswith("1 failed, 1 passed, 1 deselected")
    assert len(found["failed"]) == 1 and "cuda-f16" in found["failed"][0]
    tests.write_text(body + "def test_case(name):\n    pass\n")
    assert gpu_check.cases()["passed"] and gpu_check.cases()["failed"] == []


def test_without_a_gpu(model, monkeypatch, capsys):
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", "/nowhere/libcuda.so")
    assert gpu_check.main([model]) == 2
    assert "patchskip: there is no usable NVIDIA driver" in capsys.readouterr().err


def test_a_page_with_dense_times():
    row = {"network": "n", "layer": "c", "op_type": "Conv", "shape": [1, 8, 8, 16], "times": 3, "dense_ms": 1.0}
    row["mhz"] = 1980
    layers = [{**row, "asked": share, "skip_ms": share, "efficiency": 1.0} for share in (1.0, 0.25)]
    layers += [{**entry, "layer": "d", "times": 1, "dense_ms": 16.0, "efficiency": 0.0625} for entry in layers]
    result = {
        "gpu": {"name": "g"},
        "cases": {"passed": True, "summary": "5 passed"},
        "frames": [],
        "layers": layers,
        "timing": {"runs": 1, "turns": 1},
        "without_dense": None,
    }
    lines = gpu_page.page(result).splitlines()
    assert "| c | Conv | 8x8x16 | 3 | 1.0000 | 1.0000 | 0.2500 | 1.00 | 1.00 | 1980 |" in lines
    # Three layers of one kind and one of the other: 16 ** (1 / 4) and 16 ** (-1 / 4).
    assert "| geometric mean |  |  | 4 | 2.0000 | 1.0000 | 0.2500 | 0.50 | 0.50 |  |" in lines


def test_roofline(model, tmp_path, capsys):
    assert roofline.main([model, "--json", str(tmp_path / "r.json"), "-o", str(tmp_path / "r.md")]) == 0
    result = json.loads((tmp_path / "r.json").read_text())["networks"]["small"]
    times = [result["predicted"][share]["graph_ms"] for share in ("1.0", "0.1", "0.03")]
    assert times == sorted(times, reverse=True) and times[0] > 0
    assert {"PatchGate", "PatchMask", "Image", "Conv", "ConcatConv"} <= {row["op_type"] for row in result["layers"]}
    assert sum(row["macs"] for row in result["layers"]) == pytest.approx(metadata_of(onnx.load(model))["macs"])
    assert "**Predictions**" in (tmp_path / "r.md").read_text()
    assert "| small |" in capsys.readouterr().out


def test_a_model_that_is_missing(tmp_path, capsys):
    assert roofline.main([str(tmp_path / "none.onnx")]) == 2
    assert "none.onnx: no such file" in capsys.readouterr().err.lower()


def test_a_nan_is_no_agreement():
    values = np.ones((1, 4, 4, 2), np.float32)
    found = values.copy()
    assert gpu_agreement._errors(found, values) == (0, 0)
    found[0, 0, 0, 0] = 3
    assert gpu_agreement._errors(found, values) == (2, pytest.approx(np.sqrt(4 / 32)))
    found[0, 1, 1, 0] = np.nan
    assert np.isnan(gpu_agreement._errors(found, values)).all()
