"""A camera that is bumped: the whole picture moves at once, and what is known of places in it moves along."""

import numpy as np

from . import opencv

CHANGED = 0.5  # share of the picture's patches from which the camera may have moved
MOST = 240  # pixels of a side of the small grey pictures that are compared
LEAST = 1.0  # pixels of the frame: less is none
BETTER = 0.7  # a shift is believed when no more than this share of the pictures' difference is left
MORE = 1.5  # times the difference of frames that were found to rest: less is not looked into
KEPT = 10  # frames a small picture is kept while the camera rests: to make one in every frame would cost more


class CameraShift:
    """`shift(frame, changed)` -> (dx, dy), by how many of its pixels the picture moved since the frame before; None
    when it rests, or when what it shows is another scene.

    frame uint8 [H, W, 3]; changed: share of its patches that were recomputed. By phase correlation (Kuglin and Hines,
    1975), of small pictures and only when most patches changed, and by more than they do anyway: with an exact gate a
    camera's noise changes most of them in every frame.
    """

    def __init__(self):
        self._cv2 = opencv.load()
        self._before, self._age, self._window = None, 0, None
        self._resting = float("inf")  # grey levels by which pictures of a camera at rest differ; before any, unknown

    def __call__(self, frame, changed):
        moved = changed > CHANGED
        self._age += 1
        if not moved and self._before is not None and self._age < KEPT:
            return None
        before, self._before, self._age = self._before, self._small(frame), 0
        if not moved or before is None or before.shape != self._before.shape:
            return None
        difference = np.abs(before - self._before).mean()
        if difference < MORE * self._resting < float("inf"):
            self._resting = min(difference, self._resting)
            return None
        shift = self._estimate(before, self._before, _side(frame))
        self._resting = float("inf") if shift else difference
        return shift

    def _estimate(self, before, now, scale):
        cv2 = self._cv2
        height, width = now.shape
        if self._window is None or self._window.shape != now.shape:
            self._window = cv2.createHanningWindow((width, height), cv2.CV_32F)
        # The window is applied here: OpenCV 5 would apply it to the pictures themselves.
        (dx, dy), _ = cv2.phaseCorrelate(before * self._window, now * self._window)
        if max(abs(dx), abs(dy)) * scale < LEAST or abs(dx) >= width / 2.0 or abs(dy) >= height / 2.0:
            return None
        aligned = cv2.warpAffine(before, np.array([[1, 0, dx], [0, 1, dy]], np.float32), (width, height))
        # What both show.
        rows = slice(max(0, int(np.ceil(dy))), height + min(0, int(np.floor(dy))))
        columns = slice(max(0, int(np.ceil(dx))), width + min(0, int(np.floor(dx))))
        difference = np.abs(before - now)[rows, columns].mean()
        return (dx * scale, dy * scale) if np.abs(aligned - now)[rows, columns].mean() <= BETTER * difference else None

    def _small(self, frame):
        """-> float32 grey picture, each pixel the mean of a square of the frame's, of two of its rows."""
        side = _side(frame)
        height, width = frame.shape[0] // side, frame.shape[1] // side
        squares = frame[: height * side, : width * side].reshape(height, side, width * side, 3)
        step = max(1, side // 2)
        rows = squares[:, : 2 * step : step].reshape(-1, width * side, 3)
        small = self._cv2.resize(rows, (width, height), interpolation=self._cv2.INTER_AREA)
        return np.float32(self._cv2.cvtColor(small, self._cv2.COLOR_BGR2GRAY))


def _side(frame):
    """-> of the squares, a whole number: that is fast."""
    return -(-max(frame.shape[:2]) // MOST)
