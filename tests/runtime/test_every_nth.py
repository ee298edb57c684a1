"""A network that sees every n-th frame: what stands in for the others, and `run --every`."""

import json

import pytest

from patchskip.runtime import cli, every_nth
from patchskip.runtime.errors import PatchskipError

cv2 = pytest.importorskip("cv2")
CLIP = "synthetic://?frames=5&size=48x32"


class Seeing:
    """A Pipeline whose frames are numbers and whose boxes are what it saw."""

    def __init__(self, task):
        self.task, self.stream = task, self
        self.times, self.resets = {"preprocess": 1.0, "inference": 2.0, "decode": 3.0}, 0

    def __call__(self, frame):
        return "found in {}".format(frame)

    def reset(self):
        self.resets += 1


class Tracks:
    def __init__(self):
        self.coasted = 0

    def coast(self):
        self.coasted += 1
        return "predicted {}".format(self.coasted)


def test_boxes_are_held():
    every = every_nth.EveryNth(Seeing("a task"), 3)
    assert [every(frame) for frame in range(5)] == ["found in 0"] * 3 + ["found in 3"] * 2
    resets = every.pipeline.resets
    every.reset()
    assert every(7) == "found in 7" and every.looked and every.times["inference"] == 2.0
    every(8)
    assert not every.looked and every.times["inference"] == 0 and every.times["decode"] < 1
    assert every.pipeline.resets == resets + 1


def test_tracks_are_predicted():
    every = every_nth.EveryNth(Seeing(Tracks()), 3)
    assert [every(frame) for frame in range(4)] == ["found in 0", "predicted 1", "predicted 2", "found in 3"]


def test_one_is_every_frame():
    every = every_nth.EveryNth(Seeing(Tracks()), 1)
    assert [every(frame) for frame in range(3)] == ["found in 0", "found in 1", "found in 2"]


@pytest.mark.parametrize("numbers, task, words", [([0], "detect", "from 1 on"), ([2], "none", "the task is none")])
def test_what_cannot_be(numbers, task, words):
    with pytest.raises(PatchskipError, match=words):
        every_nth.check(numbers, task, "--every")
    every_nth.check([1], task, "--every")


def test_run(detector, tmp_path):
    out, video = tmp_path / "out.json", tmp_path / "out.mp4"
    assert cli.main(["run", str(detector), CLIP, str(video), "--every", "2", "--json", str(out), "--quiet"]) == 0
    *records, last = [json.loads(line) for line in out.read_text().splitlines()]
    assert [record["active_macs"] for record in records] == [0.5, 0, 0.5, 0, 0.5]
    assert all(record["detections"] == records[0]["detections"] != [] for record in records)
    assert records[1]["stages_ms"]["inference"] == 0 < records[2]["stages_ms"]["inference"]
    assert last["summary"]["frames"] == 5 and last["summary"]["active_macs"] == 0.25
    capture = cv2.VideoCapture(str(video))
    seen, held = (capture.read()[1] for _ in range(2))
    # The detector computes the left half; of a frame that is not seen nothing is computed.
    assert seen[:, :16].mean() > 1.6 * held[:, :16].mean()


@pytest.mark.parametrize("more, words", [(["--every", "0"], "--every 0"), (["--every", "2", "--task", "none"], "none")])
def test_bad_usage_is_one_line_and_two(detector, capfd, more, words):
    assert cli.main(["run", str(detector), CLIP, "--quiet", *more]) == 2
    error = capfd.readouterr().err
    assert words in error and error.startswith("patchskip: ") and error.count("\n") == 1
