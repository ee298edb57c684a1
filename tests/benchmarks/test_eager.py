"""`python -m patchskip.benchmarks.eager`: eager PyTorch against ONNX Runtime, on the same network and picture."""

import json

import pytest

pytest.importorskip("torch")

from patchskip.benchmarks import eager  # noqa: E402


def test_a_small_network(tmp_path, capsys):
    words = ["mobilehumanpose", "--size", "64", "64", "--threads", "1", "--frames", "6"]
    assert eager.main([*words, "--json", str(tmp_path / "out.json")]) == 0
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["size"] == [64, 64] and result["frames"] == 5 and result["max_rel_error"] < 1e-3
    assert result["ratio"] == pytest.approx(result["pytorch"]["mean_ms"] / result["onnxruntime"]["mean_ms"])
    assert result["valid"] == (not result["reasons"]) and "torch" in result["environment"]
    assert "PyTorch takes" in capsys.readouterr().out


@pytest.mark.parametrize(
    "line, words",
    {
        "resnet": "no backbone resnet",
        "mobilehumanpose --size 65 64": "multiples of 64",
        "mobilehumanpose --frames 1": "--frames is 1",
        "mobilehumanpose --threads 0": "threads is 0",
    }.items(),
)
def test_bad_usage(capsys, line, words):
    assert eager.main(line.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith("patchskip: ") and error.count("\n") == 1 and words in error
