"""Both on every n-th frame: what it costs, what it is worth, and how the benchmark shows it."""

import json
import re

import numpy as np
import pytest

from patchskip.benchmarks import every_nth, plots, timing
from patchskip.runtime import cli
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.pipeline import STAGES


@pytest.mark.parametrize("n", [2, 3, 4, 8, 19])
def test_the_mean_is_that_of_a_long_clip(n):
    """However many of the frames looked at begin a block, and do not count."""
    index = np.arange(100)
    total, counted = np.where(index % n == 0, 10.0, 1.0), index % timing.BLOCK >= timing.DROPPED
    assert every_nth.mean_ms(n, total, counted) == pytest.approx((10 + n - 1) / n)


def test_a_clip_that_is_too_short():
    with pytest.raises(PatchskipError, match="more than 8 frames, this one has 6"):
        every_nth.mean_ms(8, np.ones(6), np.arange(6) > 0)


def times(mean):
    return {"mean_ms": mean, "stages": {"inference": {"mean_ms": mean}}}


def result(dense, skip, speedup, rows):
    """rows: of n, the speed-up of dense, its accuracy, and the same two of skip."""
    made = [{**row(speed, values), "n": n, "skip": row(faster, others)} for n, speed, values, faster, others in rows]
    both = {"dense": times(10.0), "skip": times(10 / speedup), "speedup": speedup}
    return {**both, "accuracy": {"dense": dense, "skip": skip}, "every_nth": {"rows": made}}


def row(speed, values):
    return {"mean_ms": 10 / speed, "speedup": speed, "inference_speedup": speed, "accuracy": values}


class Record:
    def __init__(self, mean):
        self.total, self.counted = np.full(40, mean), np.arange(40) % timing.BLOCK >= timing.DROPPED
        self.stages = np.stack([self.total / 2] * len(STAGES), axis=1)


@pytest.mark.parametrize(
    "skip, n, speedup",
    [(0.95, None, None), (0.85, 1, 1.0), (0.75, 2, 2.0), (0.65, 4, 4.0)],
    ids=["nobody", "dense", "every 2", "every 4"],
)
def test_who_is_as_good(skip, n, speedup):
    found = {"dense": {2: {"ap50": 0.8}, 4: {"ap50": 0.7}}, "skip": {2: {"ap50": 0.99}, 4: {"ap50": 0.98}}}
    some = result({"ap50": 0.9}, {"ap50": skip}, 5.0, [])
    records = {"dense": [Record(5.0), Record(2.5)], "skip": [Record(1.0), Record(0.5)]}
    some["every_nth"] = every_nth.summarise([2, 4], records, found, some)
    rows = some["every_nth"]["rows"]
    assert [row["speedup"] for row in rows] == [2, 4] and [row["skip"]["speedup"] for row in rows] == [10, 20]
    assert [row["inference_speedup"] for row in rows] == [4, 8]
    assert [row["skip"]["accuracy"]["ap50"] for row in rows] == [0.99, 0.98]
    assert some["every_nth"]["as_good"] == (n and {"measure": "ap50", "n": n, "speedup": speedup})
    assert every_nth.text(some)[-1] == every_nth.verdict(some)


def test_table_and_curves():
    rows = [
        (2, 1.9, {"hota": 0.51, "id_switches": 8}, 12.0, {"hota": 0.505, "id_switches": 8}),
        (8, 6.5, {"hota": 0.4, "id_switches": 9}, 40.0, {"hota": 0.39, "id_switches": 10}),
    ]
    some = result({"hota": 0.52, "id_switches": 7}, {"hota": 0.515, "id_switches": 7}, 7.0, rows)
    assert every_nth.table(some) == (
        ["", "mean ms", "speedup", "HOTA", "ID switches"],
        [
            ["dense", "10.000", "1.00x", "0.5200", "7"],
            ["every 2", "5.263", "1.90x", "0.5100", "8"],
            ["every 8", "1.538", "6.50x", "0.4000", "9"],
            ["skip", "1.429", "7.00x", "0.5150", "7"],
            ["skip every 2", "0.833", "12.00x", "0.5050", "8"],
            ["skip every 8", "0.250", "40.00x", "0.3900", "10"],
        ],
    )
    title, lines = every_nth.curves(some)
    assert title == "HOTA"
    assert lines["dense"] == [(1, 0.52, "dense"), (1.9, 0.51, "every 2"), (6.5, 0.4, "every 8")]
    assert lines["skip"] == [(7, 0.515, "skip"), (12, 0.505, "skip every 2"), (40, 0.39, "skip every 8")]
    places = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', plots.over_speedup(lines, "x"))
    x, y = np.array(places, float).T
    assert (np.argsort(x) == [0, 1, 2, 3, 4, 5]).all()
    assert y[0] < y[3] < y[1] < y[4] < y[2] < y[5]  # SVG's y grows downwards
    assert x.min() > plots.LEFT and x.max() < plots.WIDTH and 0 < y.min() and y.max() < plots.HEIGHT - plots.BOTTOM


def test_joints_are_compared_with_denses():
    near = [{"keypoints_within_5pct": share} for share in (0.95, 0.94)]
    some = result({}, {"keypoints_within_5pct": 0.99}, 3.0, [(2, 1.9, near[0], 5.0, near[1])])
    lines = every_nth.curves(some)[1]
    assert lines["dense"] == [(1, 1, "dense"), (1.9, 0.95, "every 2")]
    assert lines["skip"] == [(3, 0.99, "skip"), (5, 0.94, "skip every 2")]


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
        assert row["skip"]["speedup"] == pytest.approx(found["dense"]["mean_ms"] / row["skip"]["mean_ms"])
        assert set(row["accuracy"]) == set(row["skip"]["accuracy"]) == set(found["accuracy"]["dense"])
    assert rows[1]["accuracy"][measure] < rows[0]["accuracy"][measure] < found["accuracy"]["dense"][measure] + 0.02
    assert found["every_nth"]["as_good"]["measure"] == measure
    printed, page = capsys.readouterr().out, (demo / "nth.html").read_text()
    assert "every 8" in printed and every_nth.verdict(found) in printed and every_nth.verdict(found) in page
    assert page.count("<circle") == 6 and "On every n-th frame" in page


def test_without_ground_truth_there_are_times_only(demo, capsys):
    assert run(demo, "--every-nth", 4, "--frames", 12, "--json", demo / "nth.json", "--report", demo / "nth.html") == 0
    found = json.loads((demo / "nth.json").read_text())["every_nth"]
    assert set(found) == {"rows"} and found["rows"][0]["accuracy"] is None
    assert "every 4" in capsys.readouterr().out and "<circle" not in (demo / "nth.html").read_text()


@pytest.mark.parametrize(
    "more, words",
    [
        (["--every-nth", 0], "--every-nth 0: give numbers from 1"),
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


def test_a_refresh_is_the_skipping_networks(demo):
    active = []
    for more in ([], ["--refresh", 5]):
        assert run(demo, "--frames", 12, "--every-nth", 2, "--quiet", "--json", demo / "anew.json", *more) == 0
        found = json.loads((demo / "anew.json").read_text())
        active.append(found["active_macs"])
    assert found["refresh"] == 5 and active[1] > active[0] + 0.1
    assert run(demo, "--frames", 6, "--refresh", 0, "--quiet") == 2
