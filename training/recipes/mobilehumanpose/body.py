"""MobileHumanPose's joints, from those that BlazePose finds."""

from __future__ import annotations

import numpy as np

from patchskip.runtime.tasks.skeletons import BLAZEPOSE_33, MUCO_21

# What BlazePose has under another name, or has not: means of what it has. The others have the same name.
MEANS = {
    "thorax": ("left_shoulder", "right_shoulder"),
    "spine": ("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
    "pelvis": ("left_hip", "right_hip"),
    "head": ("left_ear", "right_ear"),
    "left_hand": ("left_index", "left_pinky"),
    "right_hand": ("right_index", "right_pinky"),
    "left_toe": ("left_foot_index",),
    "right_toe": ("right_foot_index",),
}
ABOVE = 0.6  # how far the head's top is above the ears, for their distance from the thorax
DEPTH = 0.4  # what is left of BlazePose's depth: an arm that is stretched towards the camera stays in the volume


def _weights() -> np.ndarray:
    """[21, 33]: of each joint, the weights of BlazePose's."""
    weights = {}
    for joint in MUCO_21.joints:
        if joint != "head_top":
            parts = MEANS.get(joint, (joint,))
            weights[joint] = np.array([(name in parts) / len(parts) for name in BLAZEPOSE_33.joints])
    weights["head_top"] = weights["head"] + ABOVE * (weights["head"] - weights["thorax"])
    return np.array([weights[joint] for joint in MUCO_21.joints])


def _mirrored() -> list[int]:
    others = {"left": "right", "right": "left"}
    names = ["_".join(others.get(word, word) for word in joint.split("_")) for joint in MUCO_21.joints]
    return [MUCO_21.joints.index(name) for name in names]


WEIGHTS = _weights()
MIRRORED = _mirrored()  # which joint is where each one was, in a mirror


def joints(landmarks: np.ndarray) -> np.ndarray:
    """landmarks: BlazePose's 33, [33, 3 or more] x, y, z -> MuCo's 21, [21, 3]: z is DEPTH times as large."""
    return WEIGHTS @ landmarks[:, :3] * (1, 1, DEPTH)
