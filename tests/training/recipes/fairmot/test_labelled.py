"""A labelled clip: its boxes lie on its persons, in the network's pixels."""

import numpy as np
import pytest

from patchskip.export.preprocess import PRESETS
from patchskip.runtime.errors import PatchskipError
from patchskip.training.recipes.fairmot import labelled


def read(clip, part=(0, 12), size=(192, 192), spec=None):
    folder, gt = clip
    return labelled.read(str(spec or folder), str(gt), part, size, PRESETS["unit"], str(gt.parent), True)


def test_boxes_lie_on_persons(clip):
    found = read(clip, (3, 9))
    assert found.frames.shape == (6, 192, 192, 3) and len(found.boxes) == 6 and found.identities == 2
    for frame, boxes, people in zip(found.frames, found.boxes, found.people):
        assert list(people) == [0, 1]
        for x1, y1, x2, y2 in boxes.round().astype(int):
            assert frame[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2, 0].min() == 220
            assert frame[y1 + 2 : y2 - 2, [x1 - 3, x2 + 2], 0].max() < 220
    assert found.boxes[0][0] == pytest.approx([(10 + 3 * 4) * 1.5, 40, (20 + 3 * 4) * 1.5, 88])


def test_an_image_is_known_by_its_number(clip):
    folder, _ = clip
    (folder / "000001.png").unlink()
    assert read(clip, (0, 3)).boxes[0][0][0] == (10 + 3 * 2) * 1.5


@pytest.mark.parametrize("part", [(0, 13), (12, 20)])
def test_frames_that_are_not_there(clip, part):
    with pytest.raises(PatchskipError, match="ends at frame 12"):
        read(clip, part)


@pytest.mark.parametrize("part", [(3, 4), (5, 3), (-1, 8)])
def test_too_few_frames(clip, part):
    with pytest.raises(PatchskipError, match="too few"):
        read(clip, part)


def test_ground_truth_of_another_size(clip):
    (clip[1].parent / "clip.seqinfo.ini").unlink()
    with pytest.raises(PatchskipError, match="does not fit the frames 0:12 .* outside its 128x96 pixels"):
        read(clip)


@pytest.mark.parametrize(
    "rows, words",
    [
        (["99,1,2,3,4,5,1"], "has no person in the frames 0:12"),
        (["1,-1,2,3,4,5,1"], "the ids of frame 1 are -1"),
        (["1,2,3"], "expected rows of 7 numbers"),
    ],
)
def test_ground_truth_of_another_kind(clip, rows, words):
    clip[1].write_text("\n".join(rows))
    with pytest.raises(PatchskipError, match=words):
        read(clip)


def test_a_camera(clip):
    with pytest.raises(PatchskipError, match="is a camera"):
        read(clip, spec="/dev/video0")


def test_frames_stay_on_disk(clip):
    assert isinstance(read(clip).frames, np.memmap)
