"""`patchskip run --task pose`"""

import json
import os

import numpy as np
import pytest

from patchskip.runtime import cli

cv2 = pytest.importorskip("cv2")


def patchskip(capfd, *arguments):
    status = cli.main([str(argument) for argument in arguments])
    return (status, *capfd.readouterr())


@pytest.fixture
def clip(tmp_path):
    """16 frames of 96x128; a bright square that goes to the left by 2 pixels a frame."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for number in range(16):
        frame = np.zeros((128, 96, 3), np.uint8)
        frame[60:68, 70 - 2 * number : 78 - 2 * number] = 255
        cv2.imwrite(str(folder / "{:02}.png".format(number)), frame)
    return folder


def records(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return lines[:-1], lines[-1]["summary"]


def test_everything_at_once(poser, clip, tmp_path, capfd):
    status, out, err = patchskip(
        capfd, "run", poser, clip, tmp_path / "out.mp4", "--json", tmp_path / "out.json", "--task", "pose"
    )
    assert (status, err) == (0, "") and out.startswith("16 frames, ")
    frames, summary = records(tmp_path / "out.json")
    assert summary["crop_moves"] == 0 and all(frame["crop"] == [0, 0, 96, 128] for frame in frames)
    for number, frame in enumerate(frames):
        joint = frame["people"][0]["joints"][16]
        assert joint["name"] == "right_ankle" and joint["z"] == 0 and joint["score"] == 1
        assert abs(joint["x"] - 74 + 2 * number) < 9 and abs(joint["y"] - 64) < 9  # a cell is 8 pixels
    capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert all(capture.read()[0] for _ in range(16)) and not capture.read()[0]


def test_the_crop_follows(poser, clip, tmp_path, capfd):
    target = tmp_path / "out.json"
    assert patchskip(capfd, "run", poser, clip, "--crop", "50,40,36,48", "--json", target)[0] == 0
    frames, summary = records(target)
    assert summary["crop_moves"] == 1 and frames[0]["crop"] == [50, 40, 36, 48]
    assert frames[-1]["crop"][0] < 42 and frames[-1]["people"]


def test_nobody(poser, tmp_path, capfd):
    for number in range(3):
        cv2.imwrite(str(tmp_path / "{}.png".format(number)), np.zeros((64, 48, 3), np.uint8))
    target = tmp_path / "out.json"
    assert patchskip(capfd, "run", poser, tmp_path, tmp_path / "out.avi", "--json", target)[0] == 0
    assert all(frame["people"] == [] for frame in records(target)[0])


def test_who_leaves_and_comes_back(poser, tmp_path, capfd):
    """The crop waits where it was."""
    places = {frame: (40, 60) for frame in range(14) if not 4 <= frame < 10}
    target = squares(tmp_path, places)
    assert patchskip(capfd, "run", poser, tmp_path, "--crop", "20,36,48,64", "--json", target)[0] == 0
    frames, summary = records(target)
    assert [frame for frame, record in enumerate(frames) if record["people"]] == list(places)
    assert summary["crop_moves"] == 0 and frames[3]["people"] == frames[10]["people"]


def test_two_where_one_was_expected(poser, tmp_path, capfd):
    """The surer one, in every frame: joints of two persons are not mixed, and the crop does not jump."""
    target = squares(tmp_path, {frame: (40, 60) for frame in range(8)}, {frame: (60, 80) for frame in range(2, 6)})
    assert patchskip(capfd, "run", poser, tmp_path, "--crop", "20,36,48,64", "--json", target)[0] == 0
    frames, summary = records(target)
    assert all(frame["people"] == frames[0]["people"] and len(frame["people"]) == 1 for frame in frames)
    assert summary["crop_moves"] == 0


def squares(folder, bright, dim=()):
    """Write 96x128 images with squares of 8 pixels, {frame: (x, y)} -> a path for JSON beside them."""
    for number in range(max(bright) + 1):
        frame = np.zeros((128, 96, 3), np.uint8)
        for places, level in ((dict(dim), 150), (bright, 255)):
            if number in places:
                x, y = places[number]
                frame[y : y + 8, x : x + 8] = level
        cv2.imwrite(str(folder / "{:02}.png".format(number)), frame)
    return folder / "out.json"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["DETECTOR", "CLIP", "--task", "pose"], "--task none"),
        (["POSER", "CLIP", "--decoder", "landmarks"], "landmarks"),
        (["POSER", "CLIP", "--crop", "1,2,3"], "--crop 1,2,3"),
        (["POSER", "CLIP", "--crop", "0,0,0,9"], "--crop 0,0,0,9"),
        (["POSER", "CLIP", "--crop", "96,0,20,20"], "outside"),
        (["POSER", "CLIP", "--crop", "0,0,9999999999,9999999999"], "times as large as the frame"),
        (["POSER", "CLIP", "--classes", "person"], "--classes is for"),
        (["POSER", "CLIP", "--nms", "0.5"], "--nms is for"),
        (["POSER", "CLIP", "--plot3d", "OUT.mp4"], "--plot3d"),
        (["POSER", "CLIP", "--save-mot", "OUT.txt"], "--save-mot"),
        (["DETECTOR", "CLIP", "--crop", "0,0,9,9"], "--task pose"),
    ],
)
def test_one_line(poser, detector, clip, tmp_path, capfd, arguments, words):
    names = {
        "DETECTOR": detector,
        "POSER": poser,
        "CLIP": clip,
        "OUT.mp4": tmp_path / "o.mp4",
        "OUT.txt": tmp_path / "o",
    }
    before = sorted(os.listdir(str(tmp_path)))
    status, out, err = patchskip(capfd, "run", *[names.get(word, word) for word in arguments])
    assert status == 2 and out == "" and words in err and err.startswith("patchskip: ") and err.count("\n") == 1, err
    assert sorted(os.listdir(str(tmp_path))) == before
