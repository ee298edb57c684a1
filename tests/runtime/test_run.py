import json
import os
import sys

import numpy as np
import pytest

from patchskip.runtime import cli, run, sources
from patchskip.runtime.pipeline import Pipeline

cv2 = pytest.importorskip("cv2")
CLIP = "synthetic://?frames=6&size=48x32"  # half the detector's input: scale 2


def patchskip(capfd, *arguments):
    """-> exit status, standard output, standard error."""
    status = cli.main([str(argument) for argument in arguments])
    return (status, *capfd.readouterr())


def fails(capfd, tmp_path, *arguments):
    """Exit status 2, one line on standard error, no file left beside the model. -> the line."""
    before = sorted(os.listdir(str(tmp_path)))
    status, out, err = patchskip(capfd, *arguments)
    assert status == 2 and out == "", (status, out, err)
    assert err.startswith("patchskip: ") and err.count("\n") == 1 and "Traceback" not in err, err
    assert sorted(os.listdir(str(tmp_path))) == before
    return err


def test_everything_at_once(detector, tmp_path, capfd):
    status, out, err = patchskip(
        capfd,
        "run",
        detector,
        CLIP,
        tmp_path / "out.mp4",
        "--save-mot",
        tmp_path / "mot.txt",
        "--json",
        tmp_path / "out.json",
    )
    assert (status, err) == (0, "")
    assert out.startswith("6 frames, ") and "50.0% of the MACs active" in out
    # Anchor 17 of stride 8 is (5, 1): centre ((5 + .5) * 8, (1 + .25) * 8), size 8 x 16, halved.
    lines = (tmp_path / "mot.txt").read_text().splitlines()
    assert lines == ["{},-1,20.00,1.00,4.00,8.00,0.7200,-1,-1,-1".format(i) for i in range(1, 7)]
    records = [json.loads(line) for line in (tmp_path / "out.json").read_text().splitlines()]
    assert [record["frame"] for record in records[:-1]] == [1, 2, 3, 4, 5, 6]
    assert records[0]["detections"] == [{"box": [20, 1, 24, 9], "score": 0.72, "class": 1, "name": "1"}]
    assert records[0]["active_macs"] == 0.5 and set(records[0]["stages_ms"]) == set(run.STAGES)
    summary = records[-1]["summary"]
    assert summary["frames"] == 6 and summary["active_macs"] == 0.5
    assert summary["total_ms"] == pytest.approx(sum(summary["stages_ms"].values()), abs=1e-3)
    capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    frames = [capture.read()[1] for _ in range(6)]
    # The detector's mask: the left half of the image is computed, the right half skipped and dark.
    assert frames[3][:, :16].mean() > 1.6 * frames[3][:, 30:].mean() and not capture.read()[0]


def test_quiet(detector, capfd):
    assert patchskip(capfd, "run", detector, CLIP, "--quiet") == (0, "", "")


def test_json_on_standard_output_is_nothing_but_json(detector, capfd):
    status, out, err = patchskip(capfd, "run", detector, CLIP, "--json", "-")
    assert status == 0 and len([json.loads(line) for line in out.splitlines()]) == 7 and "6 frames" in err


def test_frames_classes_and_task(detector, tmp_path, capfd):
    target = tmp_path / "out.json"
    assert patchskip(capfd, "run", detector, CLIP, "--frames", 2, "--classes", "0", "--json", target)[0] == 0
    records = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(records) == 3 and records[0]["detections"] == []
    assert patchskip(capfd, "run", detector, CLIP, "--task", "none", "--json", target)[0] == 0
    assert "detections" not in json.loads(target.read_text().splitlines()[0])


def test_tracks_have_ids(detector, tmp_path, capfd):
    pytest.importorskip("scipy", reason="tracking needs SciPy: pip install 'patchskip[track]'")
    words = [tmp_path / "out.mp4", "--task", "track", "--save-mot", tmp_path / "mot.txt", "--json", tmp_path / "o.json"]
    assert patchskip(capfd, "run", detector, CLIP, *words, "--overlay", "boxes", "--conf", "0.4")[0] == 0
    lines = (tmp_path / "mot.txt").read_text().splitlines()
    # Frame 1 begins the track, frame 2 confirms it.
    assert lines == ["{},1,20.00,1.00,4.00,8.00,0.7200,-1,-1,-1".format(i) for i in range(2, 7)]
    records = [json.loads(line) for line in (tmp_path / "o.json").read_text().splitlines()]
    assert records[0]["detections"] == []
    assert records[1]["detections"] == [{"box": [20, 1, 24, 9], "score": 0.72, "class": 1, "name": "1", "id": 1}]
    # Half of the way from 0.6 to 1, the box would have to be surer than it is to begin a track.
    assert patchskip(capfd, "run", detector, CLIP, *words, "--conf", "0.6")[0] == 0
    assert (tmp_path / "mot.txt").read_text() == ""


@pytest.mark.parametrize("task", ["detect", "track"])
def test_nobody(detector, tmp_path, capfd, task):
    """A clip in which nothing is found has results: empty ones, and a video."""
    if task == "track":
        pytest.importorskip("scipy", reason="tracking needs SciPy: pip install 'patchskip[track]'")
    words = [tmp_path / "out.avi", "--task", task, "--save-mot", tmp_path / "mot.txt", "--json", tmp_path / "o.json"]
    status, out, err = patchskip(capfd, "run", detector, CLIP, *words, "--conf", "0.9")
    assert (status, err) == (0, "") and out.startswith("6 frames, ")
    assert (tmp_path / "mot.txt").read_text() == ""
    records = [json.loads(line) for line in (tmp_path / "o.json").read_text().splitlines()]
    assert [record["detections"] for record in records[:-1]] == [[]] * 6 and records[-1]["summary"]["frames"] == 6
    assert cv2.VideoCapture(str(tmp_path / "out.avi")).read()[0]


def test_overlay_none_is_the_frame(detector, tmp_path, capfd):
    assert patchskip(capfd, "run", detector, CLIP, tmp_path / "out.avi", "--overlay", "none")[0] == 0
    capture = cv2.VideoCapture(str(tmp_path / "out.avi"))
    for frame in sources.open_source(CLIP):
        assert np.abs(capture.read()[1].astype(int) - frame).mean() < 8  # MJPG


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["none.onnx", CLIP], "none.onnx"),
        (["MODEL", "none.mp4"], "none.mp4"),
        (["MODEL", CLIP, "OUT.xyz"], ".mp4"),
        (["MODEL", CLIP, "--overlay", "boxes,hats"], "hats"),
        (["MODEL", CLIP, "--frames", "0"], "--frames"),
        (["MODEL", CLIP, "--conf", "2"], "--conf is 2.0"),
        (["MODEL", CLIP, "--nms", "nan"], "--nms is nan"),
        (["MODEL", CLIP, "--classes", "unicorn"], "unicorn"),
        (["MODEL", CLIP, "--threads", "0"], "threads"),
        (["MODEL", CLIP, "--task", "none", "--save-mot", "OUT.txt"], "--save-mot is for --task detect or track"),
        (["MODEL", CLIP, "--classes", "\N{SUPERSCRIPT TWO}"], "no class"),
        (["MODEL", CLIP, "--task", "none", "--classes", "0"], "--classes is for"),
        (["MODEL", CLIP, "--task", "none", "--conf", "0.5"], "the task is none"),
        (["MODEL", CLIP, "--task", "none", "--nms", "0.5"], "--nms is for --task detect or track"),
        (["MODEL", CLIP, "--decoder", "yolox"], "not one of --task detect"),
        (["MODEL", CLIP, "--task", "track", "--decoder", "fairmot"], "hm, wh, id and reg"),
        (["MODEL", CLIP, "--json", "/nowhere/out.json"], "no folder"),
        (["MODEL", CLIP, "OUT.mp4", "--json", "/dev/full"], "no space left"),
        (["MODEL", CLIP, "OUT.mp4", "--save-mot", "/dev/full"], "no space left"),
    ],
)
def test_one_line(detector, tmp_path, capfd, arguments, words):
    arguments = [a.replace("MODEL", str(detector)).replace("OUT", str(tmp_path / "out")) for a in arguments]
    assert words in fails(capfd, tmp_path, "run", *arguments)


def test_a_video_that_breaks_off(detector, tmp_path, capfd):
    folder = tmp_path / "images"
    folder.mkdir()
    for i, width in enumerate([48, 48, 50]):
        cv2.imwrite(str(folder / "{}.png".format(i)), np.zeros((32, width, 3), np.uint8))
    err = fails(capfd, tmp_path, "run", detector, folder, tmp_path / "o.mp4", "--save-mot", tmp_path / "o.txt")
    assert "frame 3 is 50x32" in err


def test_interrupted(detector, tmp_path, capfd, monkeypatch):
    class Interrupted(sources.Source):
        size = (32, 48)

        def _frames(self):
            yield np.zeros((32, 48, 3), np.uint8)
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "open_source", lambda spec: Interrupted())
    status, out, err = patchskip(capfd, "run", detector, "x", tmp_path / "o.mp4", "--json", tmp_path / "o.json")
    assert status == 130 and "Traceback" not in err
    assert os.listdir(str(tmp_path)) == [detector.name]


def test_a_camera_ends_by_an_interruption_and_what_it_gave_is_kept(detector, tmp_path, capfd, monkeypatch):
    class Camera(sources.Source):
        size, live = (32, 48), True

        def _frames(self):
            for _ in range(3):
                yield np.zeros((32, 48, 3), np.uint8)
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "open_source", lambda spec: Camera())
    files = [tmp_path / name for name in ("o.mp4", "o.txt", "o.json")]
    status, out, err = patchskip(
        capfd, "run", detector, "x", files[0], "--save-mot", files[1], "--json", files[2], "--conf", "0"
    )
    assert status == 130 and "interrupted after 3 frames" in out and "Traceback" not in err
    records = [json.loads(line) for line in files[2].read_text().splitlines()]
    assert [record.get("frame") for record in records] == [1, 2, 3, None]
    assert records[-1]["summary"]["interrupted"] is True
    assert sum(1 for _ in sources.open_source(str(files[0]))) == 3
    assert {line.split(",")[0] for line in files[1].read_text().splitlines()} <= {"1", "2", "3"}


def test_standard_output_is_written_frame_by_frame(detector, capfd, monkeypatch):
    """Who reads it acts on it."""
    flushed = []
    monkeypatch.setattr(sys.stdout, "flush", lambda: flushed.append(1))
    assert patchskip(capfd, "run", detector, "synthetic://?size=48x32&frames=4", "--json", "-")[0] == 0
    assert len(flushed) >= 5


def test_pipeline_times_every_stage(detector):
    import patchskip

    pipeline = Pipeline(patchskip.load(str(detector)))
    found = pipeline(np.zeros((32, 48, 3), np.uint8))
    assert found.shape == (1, 6) and all(pipeline.times[stage] > 0 for stage in run.STAGES)
