"""Calibration on the test data. Skips without it (PATCHSKIP_TEST_DATA)."""

import json

import pytest

from patchskip.runtime import cli


@pytest.mark.slow
def test_yolox_nano_computes_less_at_the_same_error(data, tmp_path):
    model, out, clip = (
        tmp_path / "nano.patchskip.onnx",
        tmp_path / "out.json",
        data / "videos" / "pets09_s2l1_vtest_480x360.avi",
    )
    export = ["export", data / "weights" / "yolox_nano_416.onnx", "-o", model, "--input-size", 576, 768]
    export += ["--gate", "delta", "--input", "u8", "--source", clip, "--quiet"]
    assert cli.main([str(word) for word in export]) == 0
    words = ["calibrate", model, "--source", clip, "-o", tmp_path / "calibrated.patchskip.onnx", "--max-error", 0.03]
    words += ["--classes", "person", "--frames", 120, "--rounds", 4, "--json", out, "--quiet"]
    assert cli.main([str(word) for word in words]) == 0
    result = json.loads(out.read_text())
    before = [point["active_macs"] for point in result["before"] if point["error"] <= 0.03]
    assert result["error"] <= 0.03 and result["active_macs"] < min(before)
