"""Joints from a network's outputs. A decoder is made for a model, and called with the outputs of a frame.

Each has the `skeleton` that it finds, whether it has `depth`, and gives (joints float32 [J, 4], score of the person):
x and y as shares of the network's picture (0 is its left or upper border, 1 the other one), z as a share of the
picture's width, from somewhere within the person and growing away from the camera, and the joint's score.
"""

import numpy as np

from .skeletons import BLAZEPOSE_33, COCO_17, H36M_18, MUCO_21
from .volumes import Expectation


class Heatmaps:
    """[1, 17, h, w], a map of likelihood for each joint: its highest cell, moved by a quarter towards the higher
    neighbour on each axis (Xiao et al., Simple Baselines, ECCV 2018). The score is the cell's value.
    """

    skeleton, depth = COCO_17, False

    def __init__(self, name):
        self._name = name

    @classmethod
    def of(cls, size, outputs):
        """The picture's (height, width) and {name: shape} -> the decoder, or None when the outputs are others."""
        for name, shape in outputs.items():
            whole = len(shape) == 4 and not size[0] % shape[2] and not size[1] % shape[3]
            if whole and shape[1] == 17 and size[0] // shape[2] == size[1] // shape[3]:
                return cls(name)
        return None

    def __call__(self, outputs):
        maps = outputs[self._name][0]
        joints, height, width = maps.shape
        every, best = np.arange(joints), maps.reshape(joints, -1).argmax(axis=1)
        y, x = best // width, best % width
        right = maps[every, y, np.minimum(x + 1, width - 1)] - maps[every, y, np.maximum(x - 1, 0)]
        below = maps[every, np.minimum(y + 1, height - 1), x] - maps[every, np.maximum(y - 1, 0), x]
        # A cell at the border has no neighbours on both sides, and stays.
        right, below = right * ((x > 0) & (x < width - 1)), below * ((y > 0) & (y < height - 1))
        x, y = x + np.sign(right) / 4, y + np.sign(below) / 4
        score = maps[every, best // width, best % width]
        found = np.stack([x / width, y / height, np.zeros(joints), score], axis=1)
        return found.astype(np.float32), float(score.mean())


class Volumes:
    """[1, J * D, D, D], a volume of D x D x D cells (depth, height, width) for each joint: the expectation of its
    softmax (Sun et al., Integral Human Pose Regression, ECCV 2018). The score is the probability that lies near.

    The volume is taken to be as deep as the picture is wide, and z to be 0 in its middle.
    """

    depth = True
    SKELETONS = {len(skeleton.joints): skeleton for skeleton in (H36M_18, MUCO_21)}

    def __init__(self, name, joints):
        self.name, self.skeleton = name, self.SKELETONS[joints]
        self._expectation = None  # made for the first frame

    @classmethod
    def of(cls, size, outputs):
        for name, shape in outputs.items():
            if len(shape) == 4 and shape[2] == shape[3] and not shape[1] % shape[2]:
                if shape[1] // shape[2] in cls.SKELETONS:
                    return cls(name, shape[1] // shape[2])
        return None

    def __call__(self, outputs):
        maps = outputs[self.name]
        if self._expectation is None:
            self._expectation = Expectation(len(self.skeleton.joints), maps.shape[2])
        return self._expectation(maps)


class Landmarks:
    """[1, 195], BlazePose's 39 points: x, y, z in the picture's pixels, visibility, presence, of which the first 33 are
    joints; the score is that of the visibility's sigmoid. The person's score is the output [1, 1], if there is one.
    """

    skeleton, depth = BLAZEPOSE_33, True

    def __init__(self, name, presence, size):
        self._name, self._presence = name, presence
        self._shares = np.array([size[1], size[0], size[1]], np.float32)

    @classmethod
    def of(cls, size, outputs):
        found = [name for name, shape in outputs.items() if list(shape) == [1, 195]]
        presence = [name for name, shape in outputs.items() if list(shape) == [1, 1]]
        return cls(found[0], presence[0] if presence else None, size) if found else None

    def __call__(self, outputs):
        rows = outputs[self._name].reshape(39, 5)[: len(self.skeleton.joints)]
        seen = 1 / (1 + np.exp(-np.clip(rows[:, 3:4], -30, 30)))
        found = np.concatenate([rows[:, :3] / self._shares, seen], axis=1).astype(np.float32)
        return found, float(outputs[self._presence][0, 0] if self._presence else seen.mean())


# The first that fits is taken.
DECODERS = {"landmarks": Landmarks, "volumes": Volumes, "heatmaps": Heatmaps}  # type: dict
