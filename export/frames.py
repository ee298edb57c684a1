"""Frames of clips as a network gets them: cut and fitted to its input, not yet normalised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.preprocess import Preprocess
from patchskip.runtime.tasks.crop import Crop


class Fit(Protocol):
    """`fit(frame)`, uint8 BGR [H, W, 3] of any size -> uint8 BGR [1, *size, 3], the same memory on every call."""

    size: tuple[int, int]

    def __call__(self, frame: np.ndarray) -> np.ndarray: ...


def fitting(size: tuple[int, int], recipe: Mapping | None) -> Preprocess:
    """The Fit of whole frames, in the way of a network's `recipe`."""
    return Preprocess({"name": "frame", "shape": [1, *size, 3], "dtype": "uint8", "layout": "NHWC"}, recipe)


class Cropped:
    """The Fit of the part of a frame that the runtime's task `pose` shows the network.

    region: (x, y, width, height) in the frame's pixels, or None for all of it; it grows to the shape of `size` (H, W).
    """

    def __init__(self, size: tuple[int, int], recipe: Mapping | None, region: tuple[int, ...] | None):
        self._crop, self._fit, self.size = Crop(size, region, moving=False), fitting(size, recipe), size

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        return self._fit(self._crop(frame))


def require_change(spec: str, frames: Sequence[np.ndarray] | np.ndarray) -> None:
    """Raise PatchskipError when all frames, of the source `spec`, are the same."""
    if all(np.array_equal(frames[0], frame) for frame in frames[1:]):
        raise PatchskipError(
            f"nothing changes in {spec}: its {len(frames)} frames are the same; give a clip that moves"
        )
