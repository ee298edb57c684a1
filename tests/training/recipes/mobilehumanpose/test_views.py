"""Joints move with the picture, and the targets are where the runtime's decoder finds joints."""

import numpy as np
import pytest
import torch

from patchskip.runtime.tasks.keypoints import Volumes
from patchskip.runtime.tasks.skeletons import MUCO_21
from patchskip.training.recipes.mobilehumanpose.taught import TaughtClip
from patchskip.training.recipes.mobilehumanpose.views import targets, view

LEFT, RIGHT = (MUCO_21.joints.index(f"{side}_wrist") for side in ("left", "right"))


@pytest.fixture
def clip():
    """Black but for the wrists: the left one is white, the right one blue."""
    frame, joints = np.zeros((96, 96, 3), np.uint8), np.full((21, 3), 48.0)
    for number, (x, y), colour in ((LEFT, (30, 40), (255, 255, 255)), (RIGHT, (60, 52), (255, 0, 0))):
        frame[y - 3 : y + 3, x - 3 : x + 3] = colour
        joints[number] = x, y, 6
    return TaughtClip([frame], joints[None])


def test_joints_move_with_the_picture(clip):
    placed, mirrored = set(), set()
    for number in range(30):
        image, joints = view(clip, (number,))
        blue, red = (image[..., channel].astype(int) for channel in (0, 2))
        first, second = np.argwhere(red > red.max() - 60), np.argwhere(blue - red > 90)
        white, other = ((np.mean(found, axis=0) + 0.5)[::-1] for found in (first, second))
        near = np.linalg.norm(joints[[LEFT, RIGHT], :2] - (white, other), axis=1)
        swapped = np.linalg.norm(joints[[RIGHT, LEFT], :2] - (white, other), axis=1)
        assert min(near.max(), swapped.max()) < 1.5
        mirrored.add(bool(swapped.max() < near.max()))
        scale = np.linalg.norm(joints[LEFT, :2] - joints[RIGHT, :2]) / np.hypot(30, 12)
        assert joints[LEFT, 2] == pytest.approx(6 * scale) and 0.8 <= scale <= 1.25
        placed.add(round(joints[LEFT, 0]))
    assert len(placed) > 8 and mirrored == {False, True}, "what was left is right in a mirror"


def test_a_view_is_that_of_its_key(clip):
    one, same, other = (view(clip, key) for key in ((1, 2), (1, 2), (1, 3)))
    assert all(np.array_equal(a, b) for a, b in zip(one, same))
    assert not np.array_equal(one[0], other[0])


def test_the_decoder_finds_the_targets(rng):
    joints = rng.uniform((8, 8, -48), (120, 120, 48), (1, 21, 3))
    found = targets(joints, (128, 128))
    assert found.known.all()
    axis = torch.arange(32.0)
    near = -((axis - 32 * found.places[0, ..., None]) ** 2)
    x, y, z = near.unbind(1)
    volumes = z[:, :, None, None] + y[:, None, :, None] + x[:, None, None, :]
    decoded, _ = Volumes.of((256, 256), {"heatmaps": (1, 672, 32, 32)})(
        {"heatmaps": volumes.reshape(1, 672, 32, 32).numpy()}
    )
    np.testing.assert_allclose(decoded[:, :3] * 128, joints[0], atol=0.6)


def test_joints_beside_the_picture_are_not_known():
    joints = np.array([[[-1, 5, 0], [5, 64, 0], [5, 5, 90]]])
    found = targets(joints, (64, 64))
    assert found.known.tolist() == [[False, False, True]] and found.places[0, 2, 2] == 1
