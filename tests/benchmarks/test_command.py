"""`patchskip benchmark` as a user calls it, on the demonstration's network."""

import json
import re

import numpy as np
import pytest

from patchskip.benchmarks import command, timing
from patchskip.benchmarks.environment import Watch
from patchskip.runtime import cli

STATISTICS = {"mean_ms", "p50_ms", "p90_ms", "p99_ms"}


def run(demo, *more, model="delta.patchskip.onnx", dense="network.onnx"):
    words = ["benchmark", demo / model, "--source", demo / "clip", "--dense", demo / dense, "--threads", 1, *more]
    return cli.main([str(word) for word in words])


@pytest.fixture(scope="module")
def outputs(demo):
    """-> (the JSON, the report's text) of one run with everything on."""
    more = ["--gt", demo / "clip.gt.txt", "--json", demo / "out.json", "--report", demo / "out.html", "--profile"]
    assert run(demo, "--quiet", *more) == 0
    return json.loads((demo / "out.json").read_text()), (demo / "out.html").read_text()


def test_json_has_what_the_design_names(outputs):
    result, _ = outputs
    for kind in ("dense", "skip"):
        assert STATISTICS < set(result[kind])
        assert set(result[kind]["stages"]) == {"preprocess", "inference", "decode"}
        assert result[kind]["p50_ms"] <= result[kind]["p90_ms"] <= result[kind]["p99_ms"]
        stages = sum(stage["mean_ms"] for stage in result[kind]["stages"].values())
        assert stages == pytest.approx(result[kind]["mean_ms"], rel=0.2)
    assert result["threads"] == 1
    assert result["speedup"] == pytest.approx(result["dense"]["mean_ms"] / result["skip"]["mean_ms"])
    inference = [result[kind]["stages"]["inference"]["mean_ms"] for kind in ("dense", "skip")]
    assert result["inference_speedup"] == pytest.approx(inference[0] / inference[1])
    assert result["efficiency"] == pytest.approx(result["inference_speedup"] * result["active_macs"])
    assert 0 < result["active_macs"] < 1
    assert 0 < result["fidelity"]["mean_rel_error"] <= result["fidelity"]["max_rel_error"] < 0.5
    assert set(result["first_frame"]) == {"dense_ms", "skip_ms"}
    assert {"cpu", "isa", "onnxruntime", "library_sha256"} <= set(result["environment"])


def test_frames_that_begin_a_block_are_not_counted(outputs):
    result, _ = outputs
    assert result["frames"] == 24 - timing.DROPPED * -(-24 // timing.BLOCK)


def test_a_part_of_the_clip(demo):
    """What is skipped of a later part is measured against the ground truth of that part."""
    more = ["--gt", demo / "clip.gt.txt", "--start", 10, "--frames", 9, "--json", demo / "part.json"]
    assert run(demo, "--quiet", *more) == 0
    result = json.loads((demo / "part.json").read_text())
    assert result["start"] == 10 and result["frames"] == 9 - timing.DROPPED
    assert result["accuracy"]["dense"]["ap50"] > 0.8


def test_too_few_frames_are_not_valid(outputs):
    result, _ = outputs
    assert result["valid"] is False
    assert any("frames were timed" in reason for reason in result["reasons"])


def test_accuracy_finds_the_shapes(outputs):
    result, _ = outputs
    assert result["accuracy"]["dense"]["ap50"] > 0.95
    assert result["accuracy"]["skip"]["ap50"] > 0.9


def test_layers_and_profile(outputs):
    result, _ = outputs
    layers = {layer["name"]: layer for layer in result["layers"]}
    assert {"name", "op_type", "macs", "active"} <= set(next(iter(layers.values())))
    weighted = sum(layer["macs"] * layer["active"] for layer in layers.values())
    assert 0 < weighted / sum(layer["macs"] for layer in layers.values()) < 1
    timed = {row["name"]: row for row in result["profile"]}
    assert set(layers) <= set(timed)
    assert all(row["ms"] >= 0 for row in timed.values()) and sum(row["ms"] for row in timed.values()) > 0


def test_report_stands_alone(outputs):
    _, page = outputs
    assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>")
    assert not re.search(r'(src|href)="(?!data:)', page) and "@import" not in page and "url(" not in page
    assert page.count("<polyline") == 3 and "data:image/jpeg;base64," in page
    assert "not to be trusted" in page
    assert not re.search(r"\bnan\b", page, re.IGNORECASE)


def test_without_ground_truth(demo, capsys):
    assert run(demo, "--frames", 8) == 0
    text = capsys.readouterr().out
    assert "x end to end" in text and "AP50" not in text and "not to be trusted: 7 frames" in text


def test_exact_is_dense_within_rounding(demo):
    assert run(demo, "--quiet", "--frames", 12, "--json", demo / "exact.json", model="exact.patchskip.onnx") == 0
    assert json.loads((demo / "exact.json").read_text())["fidelity"]["max_rel_error"] < 1e-4


def test_dense_network_of_another_size_is_resized(demo):
    from patchskip.benchmarks.demo_network import build
    from patchskip.export.command import save

    save(build((320, 320)), demo / "square.onnx")
    assert run(demo, "--quiet", "--frames", 6, "--json", demo / "resized.json", dense="square.onnx") == 0
    straight = run(demo, "--quiet", "--frames", 6, "--json", demo / "straight.json")
    resized, same = (json.loads((demo / name).read_text()) for name in ("resized.json", "straight.json"))
    assert straight == 0 and resized["fidelity"] == same["fidelity"]


@pytest.mark.parametrize(
    "more, words",
    [
        (["--frames", 1], "--frames is 1"),
        (["--start", 23], "1 frames to look at"),
        (["--start", 24], "cannot start at frame 24; it has 24"),
        (["--threads", 0], "threads is 0"),
        (["--gt", "nowhere.gt.txt"], "nowhere.gt.txt"),
        (["--json", "no/such/folder/x.json"], "no folder"),
    ],
)
def test_bad_usage_is_one_line_and_two(demo, capsys, more, words):
    assert run(demo, *more, "--quiet") == 2
    error = capsys.readouterr().err.strip()
    assert words in error and error.startswith("patchskip: ") and "\n" not in error


def test_ground_truth_of_another_clip(demo, capsys, tmp_path):
    (tmp_path / "gt.txt").write_text("25,1,0,0,8,8,1,0,0,0\n3,1,0,0,8,8,0,0,0,0\n")
    assert run(demo, "--gt", tmp_path / "gt.txt", "--quiet") == 2
    assert "has no person in the 24 frames" in capsys.readouterr().err


def test_models_in_the_wrong_places(demo, capsys):
    assert run(demo, model="network.onnx") == 2
    assert run(demo, dense="exact.patchskip.onnx") == 2
    assert run(demo, dense="clip.gt.txt") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 3 and all(line.startswith("patchskip: ") for line in lines)


def test_a_crop_is_for_pose(demo, capsys):
    assert run(demo, "--crop", "0,0,9,9") == 2 and "--task pose" in capsys.readouterr().err


class FakeQuality:
    errors = np.zeros(3)


def result(**more):
    dense = {"p50_ms": 10.0, "p90_ms": 11.0}
    return {"frames": command.MIN_FRAMES, "threads": 1, "dense": dense, **more}


def test_reasons():
    assert command.reasons(result(), FakeQuality) == []
    assert "99 frames" in command.reasons(result(frames=99), FakeQuality)[0]
    assert "p90" in command.reasons(result(dense={"p50_ms": 10.0, "p90_ms": 20.0}), FakeQuality)[0]
    assert "10000 threads" in command.reasons(result(threads=10000), FakeQuality)[0]
    broken = FakeQuality()
    broken.errors = np.array([0, np.nan])
    assert "not finite" in command.reasons(result(), broken)[0]


def test_watch_sees_its_own_work_as_its_own():
    with Watch() as watch:
        sum(i * i for i in range(2_000_000))
    assert watch.others >= 0 and all(isinstance(reason, str) for reason in watch.reasons())
    watch.others = 0.5
    assert "other processes took 50%" in watch.reasons()[0]
