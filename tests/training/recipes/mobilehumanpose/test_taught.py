"""A clip's joints lie where the teacher sees them, in the network's pixels."""

import numpy as np
import pytest

from patchskip.export.frames import Cropped
from patchskip.export.preprocess import PRESETS
from patchskip.runtime.errors import PatchskipError
from patchskip.training.recipes.mobilehumanpose.body import joints
from patchskip.training.recipes.mobilehumanpose.taught import read
from patchskip.training.recipes.mobilehumanpose.teacher import Teacher

from .conftest import EMPTY, SIDE, place


def taught(clip, teacher, part=(0, 12), region=(16, 0, 96, 96), size=(192, 192)):
    fit = Cropped(size, PRESETS["imagenet"], region)
    return read(str(clip), part, fit, Teacher(str(teacher), 1), str(clip.parent), True)


def test_joints_lie_on_the_person(clip, teacher, landmarks):
    found = taught(clip, teacher)
    numbers = [number for number in range(12) if number != EMPTY]
    assert len(found.frames) == len(found.joints) == len(numbers)
    around = joints(landmarks[:33] * 192 / 128)
    for number, frame, body in zip(numbers, found.frames, found.joints):
        x, y = place(number)
        middle = 2 * np.array([x - 16 + SIDE / 2, y + SIDE / 2])
        assert frame.shape == (192, 192, 3) and frame[int(middle[1]), int(middle[0])].min() == 250
        np.testing.assert_allclose(body, around + (*middle, 0), atol=0.5)


def test_nobody_is_there(clip, teacher):
    with pytest.raises(PatchskipError, match="sees nobody in the frames 0:12"):
        taught(clip, teacher, region=(0, 0, 20, 20))
