"""A frame becomes detections: preprocessing, the network, what its outputs mean."""

import time

import numpy as np

from . import tasks
from .camera_shift import CameraShift
from .errors import PatchskipError
from .preprocess import Preprocess

STAGES = ("preprocess", "inference", "decode")


class Pipeline:
    """Frame in, detections out: what `run` and `benchmark` both time.

    `pipeline(frame)` -> float32 [n, 6] boxes in the frame's pixels, [n, 7] with ids for the task `track`, [n, J, 4]
    joints for the task `pose`, or None for the task `none`. After it, `times` has the seconds of each stage
    {"preprocess", "inference", "decode"}, `outputs` those of the network, and `origin` the (x, y) in the frame where
    the network's picture begins.
    """

    def __init__(self, model, task=None, refresh=None, **options):
        self.stream = model.stream() if refresh is None else model.stream(refresh)
        self.preprocess = Preprocess(model.inputs[0], model.metadata.get("preprocess"), self.stream.allocate)
        if len(model.inputs) != 1:
            raise PatchskipError("{} has {} inputs; run takes networks with one".format(model.path, len(model.inputs)))
        self.task = tasks.create(task or tasks.guess(model), model, **options)
        self.crop = getattr(self.task, "crop", None)
        follows = hasattr(self.task, "shift") and model.metadata.get("masks")
        self._camera = CameraShift() if follows else None
        self.times = dict.fromkeys(STAGES, 0.0)
        self.outputs, self.origin = {}, (0, 0)
        self._input = model.inputs[0]["name"]
        self._feed = {}

    def __call__(self, frame):
        start = time.perf_counter()
        whole = frame
        if self.crop:
            frame = self.crop(frame)
            self.origin = tuple(self.crop.box[:2])
        self._feed[self._input] = self.preprocess(frame)
        ready = time.perf_counter()
        self.outputs = self.stream.infer(self._feed, copy=False)
        done = time.perf_counter()
        moved = self._camera(whole, self._changed(frame)) if self._camera else None
        if moved:
            self.task.shift(*moved)
        found = self.task(self.outputs, self.preprocess.scale) if self.task else None
        self.times = dict(zip(STAGES, (ready - start, done - ready, time.perf_counter() - done)))
        return found

    def _changed(self, picture):
        """-> share of what the network was given of the picture that was recomputed."""
        mask, side = self.stream.image_mask()
        (height, width), (x, y) = picture.shape[:2], self.preprocess.scale
        return np.count_nonzero(mask) * side * side / (width * x * height * y)
