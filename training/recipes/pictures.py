"""Frames as a training sees them: moved, and of another brightness."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from patchskip.export.preprocess import normalised
from patchskip.runtime import opencv
from patchskip.runtime.preprocess import DEFAULTS

CONTRAST, BRIGHTNESS = 0.2, 20.0  # up to so much more or less; grey levels


def warped(frame: np.ndarray, linear: np.ndarray, shift: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """What lay at p, (x, y) in pixels, lies at linear @ p + shift in a picture of `size` (H, W); the middle of the
    first pixel is (0.5, 0.5)."""
    cv2 = opencv.load()
    matrix = np.concatenate([linear, (linear @ (0.5, 0.5) + shift - 0.5)[:, None]], axis=1)
    return cv2.warpAffine(frame, matrix, tuple(size[::-1]), flags=cv2.INTER_LINEAR, borderValue=(DEFAULTS["pad"],) * 3)


def tinted(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    gain, more = 1 + rng.uniform(-CONTRAST, CONTRAST), rng.uniform(-BRIGHTNESS, BRIGHTNESS)
    levels = np.clip((np.arange(256) - 128) * gain + 128 + more, 0, 255).astype(np.uint8)
    return levels[image]


def tensor(images: Iterable[np.ndarray], recipe: dict) -> Tensor:
    """uint8 BGR [H, W, 3], of one size -> float32 [N, 3, H, W], normalised as `recipe` says."""
    return torch.from_numpy(np.concatenate([normalised(image, recipe) for image in images]))
