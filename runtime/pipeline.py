"""A frame becomes detections: preprocessing, the network, what its outputs mean."""

import time

import numpy as np

from . import tasks
from .camera_shift import CameraShift
from .errors import PatchskipError
from .preprocess import Preprocess

STAGES = ("preprocess", "inference", "decode")
REVISIT = 24  # frames in which delta gates compute what was found anew
SURE = 0.4  # the score from which something was
LOOKS = 3  # the stream is told so often in that time: telling it takes a tenth of a millisecond


class Pipeline:
    """Frame in, detections out: what `run` and `benchmark` both time.

    `pipeline(frame)` -> float32 [n, 6] boxes in the frame's pixels, [n, 7] with ids for the task `track`, [n, J, 4]
    joints for the task `pose`, or None for the task `none`. After it, `times` has the seconds of each stage
    {"preprocess", "inference", "decode"}, `outputs` those of the network, and `origin` the (x, y) in the frame where
    the network's picture begins.

    refresh, revisit: of the stream; what the tasks `detect` and `track` find with a score of SURE is revisited, by
    default every REVISIT frames where gates are of delta mode, 0 for never. The attribute says what it is.
    """

    def __init__(self, model, task=None, refresh=None, revisit=None, **options):
        if len(model.inputs) != 1:
            raise PatchskipError("{} has {} inputs; run takes networks with one".format(model.path, len(model.inputs)))
        self.task = tasks.create(task or tasks.guess(model), model, **options)
        boxes = self.task is not None and not hasattr(self.task, "skeleton")
        if revisit and not boxes:
            raise PatchskipError("boxes are revisited, and the task finds none; leave --revisit out")
        self.stream, self.revisit = _stream(model, refresh, revisit if boxes else 0)
        self.preprocess = Preprocess(model.inputs[0], model.metadata.get("preprocess"), self.stream.allocate)
        self.crop = getattr(self.task, "crop", None)
        follows = hasattr(self.task, "shift") and model.metadata.get("masks")
        self._camera = CameraShift() if follows else None
        self.times = dict.fromkeys(STAGES, 0.0)
        self.outputs, self.origin = {}, (0, 0)
        self._input = model.inputs[0]["name"]
        self._feed, self._frames = {}, 0
        self._look = max(self.revisit // LOOKS, 1)

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
        self._frames += 1
        if self.revisit and found is not None and self._frames % self._look == 0:
            x, y = self.preprocess.scale
            sure = (box for box in found[:, :5].tolist() if box[4] >= SURE)  # a dozen: in arrays it takes longer
            self.stream.found([(x * x1, y * y1, x * x2, y * y2) for x1, y1, x2, y2, _ in sure])
        self.times = dict(zip(STAGES, (ready - start, done - ready, time.perf_counter() - done)))
        return found

    def _changed(self, picture):
        """-> share of what the network was given of the picture that was recomputed."""
        mask, side = self.stream.image_mask()
        (height, width), (x, y) = picture.shape[:2], self.preprocess.scale
        return np.count_nonzero(mask) * side * side / (width * x * height * y)


def _stream(model, refresh, revisit):
    """-> the stream, and in how many frames it revisits: 0 for never."""
    if (refresh or revisit) and model.metadata.get("gate") == "exact":
        raise PatchskipError(
            "{} has exact gates, which hold nothing back; leave --refresh and --revisit out".format(model.path)
        )
    if revisit is None and model.metadata.get("gate") == "delta":
        try:
            return model.stream(refresh, REVISIT), REVISIT
        except PatchskipError:  # not of this model: its state has no parts
            pass
    if refresh is None and not revisit:
        return model.stream(), 0
    return model.stream(refresh, revisit or None), revisit or 0
