"""The demonstration's clip: bright shapes that cross the resting background of `synthetic://`, each in its own lane."""

import numpy as np

from patchskip.runtime import opencv
from patchskip.runtime.sources import Source, open_source

LANES = 4
GREY = (232, 250)
SEED = 0


class DemoClip(Source):
    """`frames` frames of `size` (height, width), the same every time."""

    def __init__(self, frames=150, size=(480, 640)):
        self.spec, self.count, self.size, self.fps = "demo clip", frames, tuple(size), 15.0
        height, width = size
        self._background = open_source(f"synthetic://?shapes=0&frames={frames}&size={width}x{height}&seed={SEED}")
        rng = np.random.default_rng(SEED)
        lane = height / LANES
        self._sides = rng.uniform(0.35, 0.6, (LANES, 2)) * lane  # width, height
        self._starts = rng.uniform(0, 1, LANES)
        self._speeds = rng.uniform(0.004, 0.010, LANES) * rng.choice([-1, 1], LANES)  # widths of the frame, per frame
        self._colours = rng.uniform(*GREY, (LANES, 3))
        self._round = [i % 2 == 0 for i in range(LANES)]

    def boxes(self, index):
        """Where the shapes are in frame `index`: [LANES, 4] x1 y1 x2 y2."""
        height, width = self.size
        result = np.empty((LANES, 4))
        for i, (w, h) in enumerate(self._sides):
            way = abs((self._starts[i] + self._speeds[i] * index) % 2 - 1)  # to and fro in 0..1
            x = way * (width - w)
            y = (i + 0.5) * height / LANES - h / 2
            result[i] = x, y, x + w, y + h
        return result

    def _frames(self):
        cv2 = opencv.load()
        for index, frame in enumerate(self._background):
            for box, colour, is_round in zip(self.boxes(index), self._colours, self._round, strict=True):
                x1, y1, x2, y2 = (int(round(value)) for value in box)
                if is_round:
                    centre, axes = ((x1 + x2) // 2, (y1 + y2) // 2), ((x2 - x1) // 2, (y2 - y1) // 2)
                    cv2.ellipse(frame, centre, axes, 0, 0, 360, colour.tolist(), -1, cv2.LINE_AA)
                else:
                    cv2.rectangle(frame, (x1, y1), (x2 - 1, y2 - 1), colour.tolist(), -1)
            yield frame
