"""The joints of one person, from networks that look at a crop of the frame."""

import numpy as np

from ..errors import PatchskipError
from ..model import picture_size
from .crop import Crop
from .keypoints import DECODERS


def fits(model):
    """Does the model have outputs that a decoder reads?"""
    return _decoder(model) is not None


def create(model, conf=0.2, decoder=None, crop=None, moving=True):
    """-> Pose. conf: least score of a person, and of a joint that the crop follows. crop: (x, y, width, height) in the
    frame's pixels; moving: does it follow the person?
    """
    found = _decoder(model, decoder)
    if found is None:
        raise PatchskipError(
            "{} has no outputs of {} but {}; use --task none".format(
                model.path,
                "the decoder {}".format(decoder) if decoder else "a pose network",
                [output["shape"] for output in model.outputs],
            )
        )
    return Pose(found, Crop(picture_size(model.inputs[0]), crop, moving), conf)


class Pose:
    """`pose(outputs, scale)` -> float32 [n, J, 4], n being 0 or 1: x and y in the frame's pixels, z in the same unit
    (see keypoints.py; 0 without depth), score.

    `pose.shift(dx, dy)`: the camera was bumped, and everything is that many of the frame's pixels further.

    crop        the Crop whose picture the network gets
    skeleton    the joints' names, and the bones
    depth       does z mean something?
    """

    def __init__(self, decoder, crop, conf):
        self.crop, self.skeleton, self.depth = crop, decoder.skeleton, decoder.depth
        self._decoder, self._conf = decoder, conf

    def __call__(self, outputs, scale=(1.0, 1.0)):
        joints, score = self._decoder(outputs)
        if not score >= self._conf or not np.isfinite(joints).all():
            return np.zeros((0,) + joints.shape, np.float32)
        x, y, width, height = self.crop.box
        found = joints * np.array([width, height, width, 1], np.float32)
        found[:, :2] += np.array([x, y], np.float32)
        self.crop.follow(found[found[:, 3] >= self._conf, :2])
        return found[None]

    def shift(self, dx, dy):
        self.crop.shift(dx, dy)


def _decoder(model, name=None):
    if len(model.inputs[0]["shape"]) != 4:
        return None
    outputs = {output["name"]: output["shape"] for output in model.outputs}
    size = picture_size(model.inputs[0])
    found = (DECODERS[kind].of(size, outputs) for kind in ([name] if name else DECODERS))
    return next((decoder for decoder in found if decoder), None)
