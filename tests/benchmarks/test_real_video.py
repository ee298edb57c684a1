"""On the test data: what the README says of real networks and videos. Skips without it (PATCHSKIP_TEST_DATA)."""

import json
import os
import subprocess
import sys

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
@pytest.mark.parametrize("size", [[], ["--input-size", 640, 640]], ids=["its own size", "640x640"])
def test_exact_mode_is_exact_beside_an_empty_strip(data, tmp_path, size):
    """A letterbox leaves a strip of one grey, where roundings are the same everywhere and add up."""
    dense, model = data / "weights" / "yolox_nano_416.onnx", tmp_path / "nano.patchskip.onnx"
    assert patchskip("export", dense, "-o", model, *size, "--quiet") == 0
    for clip in ("pets09_s2l1_vtest_480x360.avi", "car_traffic_small_640x360.mp4"):
        assert patchskip("compare", model, dense, "--source", data / "videos" / clip, "--frames", 40, "--quiet") == 0


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


MEMORY = """
import sys
from patchskip.runtime.model import load
from patchskip.runtime.pipeline import Pipeline
from patchskip.runtime.sources import open_source

def own_kib():
    return next(line.split()[1] for line in open("/proc/self/status") if line.startswith("RssAnon:"))


frames = list(open_source(sys.argv[2]))
pipeline = Pipeline(load(sys.argv[1], threads=2), "detect")
for number, frame in enumerate(frames, 1):
    pipeline(frame)
    pipeline.stream.stats
    if number == 50:
        before = own_kib()
print(number, before, own_kib())
"""


@pytest.mark.slow
@pytest.mark.parametrize("gate", [["exact"], ["delta", "--input", "u8"]], ids=lambda gate: gate[0])
def test_a_run_ends_with_the_memory_it_had_after_frame_50(nano, data, gate):
    """The process's own: not the pages of libraries, which come in when their code is first needed, nor what the
    video's decoder takes in its threads, by chance.
    """
    clip = data / "videos" / "pets09_s2l1_vtest_480x360.avi"
    words = [sys.executable, "-c", MEMORY, str(nano("--gate", *gate)), str(clip)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    frames, before, after = map(int, subprocess.check_output(words, env=environment).split())
    assert frames == 795
    assert after - before <= 1024, f"{after - before} KiB, from {before} KiB"
