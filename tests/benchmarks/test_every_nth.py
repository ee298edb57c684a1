"""Dense on every n-th frame: what it costs, what it is worth, and how the benchmark shows it."""

import json
import re

import numpy as np
import pytest

from patchskip.benchmarks import every_nth, plots, timing
from patchskip.runtime import cli
from patchskip.runtime.errors import PatchskipError


class Dense:
    """A Pipeline whose frames are numbers and whose boxes are what it saw."""

    def __init__(self, model, task, **options):
        self.task, self.seen = task, []
        self.times = {"preprocess": 1.0, "inference": 2.0, "decode": 3.0}

    def __call__(self, frame):
        self.seen.append(frame)
        return f"found in {frame}"


class Tracks:
    def __init__(self):
        self.coasted = 0

    def coast(self):
        self.coasted += 1
        return f"predicted {self.coasted}"


def test_boxes_are_held(monkeypatch):
    monkeypatch.setattr(every_nth, "Pipeline", Dense)
    rival = every_nth.EveryNth(None, "a task", 3)
    assert [rival(frame) for frame in range(5)] == ["found in 0"] * 3 + ["found in 3"] * 2
    rival.reset()
    assert rival(7) == "found in 7" and rival.looked and rival.times["inference"] == 2.0
    rival(8)
    assert not rival.looked and rival.times["inference"] == 0 and rival.times["decode"] < 1


def test_tracks_are_predicted(monkeypatch):
    monkeypatch.setattr(every_nth, "Pipeline", Dense)
    rival = every_nth.EveryNth(None, Tracks(), 3)
    assert [rival(frame) for frame in range(4)] == ["found in 0", "predicted 1", "predicted 2", "found in 3"]


@pytest.mark.parametrize("n", [2, 3, 4, 8, 19])
def test_the_mean_is_that_of_a_long_clip(n):
    """However many of the frames looked at begin a block, and do not count."""
    index = np.arange(100)
    total, counted = np.where(index % n == 0, 10.0, 1.0), index % timing.BLOCK >= timing.DROPPED
    assert every_nth.mean_ms(n, total, counted) == pytest.approx((10 + n - 1) / n)


def test_a_clip_that_is_too_short():
    with pytest.raises(PatchskipError, match="more than 8 frames, this one has 6"):
        every_nth.mean_ms(8, np.ones(6), np.arange(6) > 0)


def result(dense, skip, speedup, rows):
    times = {"dense": {"mean_ms": 10.0}, "skip": {"mean_ms": 10 / speedup}, "speedup": speedup}
    rows = [{"n": n, "mean_ms": 10 / speed, "speedup": speed, "accuracy": values} for n, speed, values in rows]
    return {**times, "accuracy": {"dense": dense, "skip": skip}, "every_nth": {"rows": rows}}


class Record:
    def __init__(self, mean):
        self.total, self.counted = np.full(40, mean), np.arange(40) % timing.BLOCK >= timing.DROPPED


@pytest.mark.parametrize(
    "skip, n, speedup",
    [(0.95, None, None), (0.85, 1, 1.0), (0.75, 2, 2.0), (0.65, 4, 4.0)],
    ids=["nobody", "dense", "every 2", "every 4"],
)
def test_who_is_as_good(skip, n, speedup):
    found = {2: {"ap50": 0.8}, 4: {"ap50": 0.7}}
    some = result({"ap50": 0.9}, {"ap50": skip}, 5.0, [])
    some["every_nth"] = every_nth.summarise([2, 4], [Record(5.0), Record(2.5)], found, some)
    assert [row["speedup"] for row in some["every_nth"]["rows"]] == [2, 4]
    assert some["every_nth"]["as_good"] == (n and {"measure": "ap50", "n": n, "speedup": speedup})
    assert every_nth.text(some)[-1] == every_nth.verdict(some)


def test_table_and_curve():
    rows = [(2, 1.9, {"hota": 0.51, "id_switches": 8}), (8, 6.5, {"hota": 0.4, "id_switches": 9})]
    some = result({"hota": 0.52, "id_switches": 7}, {"hota": 0.515, "id_switches": 7}, 7.0, rows)
    assert every_nth.table(some) == (
        ["", "mean ms", "speedup", "HOTA", "ID switches"],
        [
            ["dense", "10.000", "1.00x", "0.5200", "7"],
            ["every 2", "5.263", "1.90x", "0.5100", "8"],
            ["every 8", "1.538", "6.50x", "0.4000", "9"],
            ["skip", "1.429", "7.00x", "0.5150", "7"],
        ],
    )
    title, line, point = every_nth.curve(some)
    assert title == "HOTA" and line == [(1, 0.52, "dense"), (1.9, 0.51, "every 2"), (6.5, 0.4, "every 8")]
    assert point == (7, 0.515, "skip")
    places = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', plots.over_speedup(line, point, "x"))
    x, y = np.array(places, float).T
    assert (np.diff(x) > 0).all() and y[0] < y[3] < y[1] < y[2]  # SVG's y grows downwards
    assert x.min() > plots.LEFT and x.max() < plots.WIDTH and 0 < y.min() and y.max() < plots.HEIGHT - plots.BOTTOM


def test_joints_are_compared_with_denses():
    some = result({}, {"keypoints_within_5pct": 0.99}, 3.0, [(2, 1.9, {"keypoints_within_5pct": 0.95})])
    assert every_nth.curve(some)[1] == [(1, 1, "dense"), (1.9, 0.95, "every 2")]


def run(demo, *more):
    words = ["benchmark", demo / "delta.patchskip.onnx", "--source", demo / "clip", "--dense", demo / "network.onnx"]
    return cli.main([str(word) for word in [*words, "--threads", 1, *more]])


@pytest.mark.parametrize("task, measure", [("detect", "ap50"), ("track", "hota")])
def test_benchmark(demo, capsys, task, measure):
    if task == "track":
        pytest.importorskip("motmetrics", reason="measuring tracks needs motmetrics: pip install 'patchskip[track]'")
    more = ["--gt", demo / "clip.gt.txt", "--task", task, "--json", demo / "nth.json", "--report", demo / "nth.html"]
    assert run(demo, "--every-nth", 8, 2, *more) == 0
    found = json.loads((demo / "nth.json").read_text())
    rows = found["every_nth"]["rows"]
    assert [row["n"] for row in rows] == [2, 8]
    for row in rows:
        assert row["speedup"] == pytest.approx(found["dense"]["mean_ms"] / row["mean_ms"])
        assert set(row["accuracy"]) == set(found["accuracy"]["dense"])
    assert rows[1]["accuracy"][measure] < rows[0]["accuracy"][measure] < found["accuracy"]["dense"][measure] + 0.02
    assert found["every_nth"]["as_good"]["measure"] == measure
    printed, page = capsys.readouterr().out, (demo / "nth.html").read_text()
    assert "every 8" in printed and every_nth.verdict(found) in printed and every_nth.verdict(found) in page
    assert page.count("<circle") == 4 and "Against dense on every n-th frame" in page


def test_without_ground_truth_there_are_times_only(demo, capsys):
    assert run(demo, "--every-nth", 4, "--frames", 12, "--json", demo / "nth.json", "--report", demo / "nth.html") == 0
    found = json.loads((demo / "nth.json").read_text())["every_nth"]
    assert set(found) == {"rows"} and found["rows"][0]["accuracy"] is None
    assert "every 4" in capsys.readouterr().out and "<circle" not in (demo / "nth.html").read_text()


@pytest.mark.parametrize(
    "more, words",
    [
        (["--every-nth", 1], "--every-nth 1: give numbers from 2"),
        (["--every-nth", 2, timing.BLOCK], f"--every-nth {timing.BLOCK}"),
        (["--every-nth", 8, "--frames", 6], "more than 8 frames"),
        (["--every-nth", 2, "--task", "none"], "the task is none"),
    ],
)
def test_bad_usage_is_one_line_and_two(demo, capsys, more, words):
    assert run(demo, *more, "--quiet") == 2
    error = capsys.readouterr().err.strip()
    assert words in error and error.startswith("patchskip: ") and "\n" not in error


def test_off_unless_asked_for(demo):
    assert run(demo, "--frames", 6, "--quiet", "--json", demo / "nth.json") == 0
    assert "every_nth" not in json.loads((demo / "nth.json").read_text())


@pytest.mark.slow
def test_a_real_clip(data, tmp_path):
    """Persons walk slowly, at 10 frames a second: a tracker bridges one frame, and not seven."""
    model, out = tmp_path / "nano.patchskip.onnx", tmp_path / "out.json"
    dense, clip = data / "weights" / "yolox_nano_416.onnx", data / "videos" / "pets09_s2l1_vtest_480x360.avi"
    export = ["export", dense, "-o", model, "--input-size", 576, 768, "--gate", "delta", "--input", "u8", "--quiet"]
    assert cli.main([str(word) for word in export]) == 0
    words = ["benchmark", model, "--source", clip, "--dense", dense, "--gt", data / "gt" / "PETS09-S2L1.gt.txt"]
    words += ["--task", "track", "--every-nth", 2, 8, "--frames", 200, "--json", out, "--quiet"]
    assert cli.main([str(word) for word in words]) == 0
    found = json.loads(out.read_text())
    every2, every8 = (row["accuracy"] for row in found["every_nth"]["rows"])
    assert every2["hota"] > every8["hota"] and every2["idf1"] > every8["idf1"]
    assert every8["hota"] < found["accuracy"]["skip"]["hota"]
