"""On the test data: what the README says of real networks and videos. Skips without it (PATCHSKIP_TEST_DATA)."""

import json

import pytest

from patchskip.runtime import cli

SIZE = ["--input-size", "576", "768"]


def patchskip(*words):
    return cli.main([str(word) for word in words])


@pytest.fixture
def nano(data, tmp_path):
    """-> export(options...) of yolox_nano at 576x768."""

    def export(*options):
        path = tmp_path / "nano.patchskip.onnx"
        source = data / "weights" / "yolox_nano_416.onnx"
        assert patchskip("export", source, "-o", path, *SIZE, *options, "--quiet") == 0
        return path

    return export


@pytest.mark.slow
@pytest.mark.parametrize("clip", ["pets09_s2l1_jpg", "eth_sunnyday_jpg"])
def test_exact_mode_is_exact(nano, data, clip):
    model, source = nano("--gate", "exact"), data / "videos" / clip
    assert patchskip("compare", model, "--full", "--source", source, "--quiet") == 0
    dense = data / "weights" / "yolox_nano_416.onnx"
    assert patchskip("compare", model, dense, "--source", source, "--rtol", "1e-4", "--quiet") == 0


@pytest.mark.slow
def test_delta_mode_keeps_the_accuracy(nano, data, tmp_path):
    """The dense network's AP50 is the one that the convention in accuracy.py is documented with."""
    out = tmp_path / "out.json"
    clip = data / "videos" / "pets09_s2l1_jpg"
    model = nano("--gate", "delta", "--input", "u8", "--source", clip)
    truth, dense = data / "gt" / "PETS09-S2L1.gt.txt", data / "weights" / "yolox_nano_416.onnx"
    words = ["--source", clip, "--dense", dense, "--gt", truth, "--json", out, "--quiet"]
    assert patchskip("benchmark", model, *words) == 0
    result = json.loads(out.read_text())
    assert result["accuracy"]["dense"]["ap50"] == pytest.approx(0.827, abs=0.005)
    assert result["accuracy"]["skip"]["ap50"] > result["accuracy"]["dense"]["ap50"] - 0.02
    assert result["active_macs"] < 0.5
