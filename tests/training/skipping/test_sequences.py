"""Sequences of crops: drawn alike from the same key, of consecutive frames; clips that teach nothing are refused."""

import numpy as np
import pytest

from patchskip.export.frames import fitting
from patchskip.runtime import opencv
from patchskip.runtime.errors import PatchskipError
from patchskip.training.sequences import excerpt, read

pytest.importorskip("cv2")
STRETCH = {"fit": "stretch"}
FIT = fitting((96, 128), STRETCH)


def clip(tmp_path, frames=20, part=(0.0, 1.0), size=(96, 128)):
    spec = f"synthetic://?frames={frames}&size=128x96"
    return read(spec, fitting(size, STRETCH), part, 16, str(tmp_path), True)


def test_part(tmp_path):
    whole, half = clip(tmp_path, 40), clip(tmp_path, 40, (0.5, 1.0))
    assert whole.frames.shape == (40, 96, 128, 3) and np.array_equal(whole.frames[20:], half.frames)
    assert not list(tmp_path.iterdir()), "the frames lie in a file without a name"


def test_excerpts(tmp_path):
    clips = [clip(tmp_path)]
    one = excerpt(clips, (64, 96), 16, (0, 1, 2))
    assert one.shape == (16, 64, 96, 3) and np.array_equal(one, excerpt(clips, (64, 96), 16, (0, 1, 2)))
    others = [excerpt(clips, (64, 96), 16, key) for key in [(1, 1, 2), (0, 2, 2), (0, 1, 3)]]
    assert not any(np.array_equal(one, other) for other in others)
    places = [
        [(y, x, side) for y in (0, 32) for x in (0, 32) for side in (1, -1) if found(frame, clips, y, x, side)]
        for frame in one
    ]
    assert all(place == places[0] and len(place) == 1 for place in places), "one place for the whole sequence"


def found(frame, clips, y, x, side):
    cut = clips[0].frames[:, y : y + 64, x : x + 96][:, :, ::side]
    return any(np.array_equal(frame, other) for other in cut)


def test_too_short(tmp_path):
    with pytest.raises(
        PatchskipError, match="has 15 frames to train on; give a clip, or a --part of it, of 16 or more"
    ):
        clip(tmp_path, 15)
    with pytest.raises(PatchskipError, match="has 10 frames"):
        clip(tmp_path, 20, (0.0, 0.5))


def test_nothing_moves(tmp_path):
    cv2 = opencv.load()
    (tmp_path / "still").mkdir()
    for number in range(16):
        cv2.imwrite(str(tmp_path / "still" / f"{number:02}.png"), np.full((96, 128, 3), 90, np.uint8))
    with pytest.raises(PatchskipError, match="nothing changes in .*still"):
        read(str(tmp_path / "still"), FIT, (0, 1), 16, str(tmp_path), True)


def test_mixed_sizes(tmp_path):
    cv2 = opencv.load()
    (tmp_path / "mixed").mkdir()
    for number in range(16):
        cv2.imwrite(str(tmp_path / "mixed" / f"{number:02}.png"), np.zeros((96, 128 + 2 * (number == 7), 3), np.uint8))
    with pytest.raises(PatchskipError, match="frame 8 is 130x96"):
        read(str(tmp_path / "mixed"), FIT, (0, 1), 16, str(tmp_path), True)


def test_camera(tmp_path):
    with pytest.raises(PatchskipError, match="is a camera; record a video"):
        read("/dev/video0", FIT, (0, 1), 16, str(tmp_path), True)
