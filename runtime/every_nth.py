"""A network that sees every n-th frame only, and what is known of the frames in between."""

import time

from .errors import PatchskipError


def check(numbers, task, option, most=None):
    """Raise PatchskipError unless every n is 1 or more, `most` at most, and the task has something to hold. option:
    that gave them.
    """
    for n in numbers:
        if n < 1 or (most and n > most):
            raise PatchskipError(
                "{} {}: give numbers from 1{}".format(option, n, " to {}".format(most) if most else " on")
            )
    if task == "none" and any(n > 1 for n in numbers):
        raise PatchskipError("{} needs boxes, tracks or joints to keep, and the task is none".format(option))


class EveryNth:
    """`every(frame)` -> what is known of it: as the pipeline.Pipeline it is made of, which sees the first of n frames.

    In between tracks go where their Kalman filter predicts them (DeepStream's `interval` before a tracker), boxes
    and joints stay where they were found.

    pipeline    what sees
    looked      did it see the last frame?
    times       {stage: seconds} of the last frame
    """

    def __init__(self, pipeline, n):
        self.pipeline, self.n, self.looked, self.times = pipeline, n, False, {}
        self._coast = getattr(pipeline.task, "coast", lambda: self._found)
        self.reset()

    def __call__(self, frame):
        self.looked = self._index % self.n == 0
        self._index += 1
        if self.looked:
            self._found, self.times = self.pipeline(frame), self.pipeline.times
        else:
            start = time.perf_counter()
            self._found = self._coast()
            self.times = dict(dict.fromkeys(self.pipeline.times, 0.0), decode=time.perf_counter() - start)
        return self._found

    def reset(self):
        """The next frame is seen, and computed in full."""
        self._index, self._found = 0, None
        self.pipeline.stream.reset()
