"""MuCo's joints, made of BlazePose's."""

import numpy as np

from patchskip.runtime.tasks.skeletons import BLAZEPOSE_33, MUCO_21
from patchskip.training.recipes.mobilehumanpose.body import DEPTH, MIRRORED, WEIGHTS, joints


def standing():
    """A body whose left is at x > 0 and whose head is at y < 0."""
    landmarks = np.zeros((33, 4))
    heights = {"ear": -8, "shoulder": -5, "elbow": -3, "wrist": -1, "pinky": 0, "index": 0, "hip": 0, "knee": 4}
    for number, name in enumerate(BLAZEPOSE_33.joints):
        side = (name.startswith("left") or name.endswith("left")) - (name.startswith("right") or name.endswith("right"))
        landmarks[number] = side, heights.get(name.split("_")[-1], 9), 2, 1
    return landmarks


def test_joints():
    found = dict(zip(MUCO_21.joints, joints(standing())))
    assert len(found) == 21 and all(joint[2] == 2 * DEPTH for joint in found.values())
    assert [found[name][0] for name in ("pelvis", "spine", "thorax", "head", "head_top")] == [0] * 5
    order = [found[name][1] for name in ("pelvis", "spine", "thorax", "head", "head_top")]
    assert order == sorted(order, reverse=True) and order[0] == 0 and order[2] == -5 and order[4] < -8
    for side, x in (("left", 1), ("right", -1)):
        assert all(joint[0] == x for name, joint in found.items() if name.startswith(side))


def test_each_joint_is_a_place_between_landmarks():
    assert np.allclose(WEIGHTS.sum(axis=1), 1)


def test_in_a_mirror():
    body = standing()
    found = joints(body)
    body[:, 0] *= -1
    assert np.array_equal(joints(body)[MIRRORED], found)
