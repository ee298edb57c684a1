"""What a step of training sees: a frame, or a part of it, mirrored, scaled and of another brightness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patchskip.training.recipes.pictures import tinted, warped

from .labelled import LabelledClip

SCALES = 0.8, 1.25  # of a part
NEAR = 0.8  # share of the parts that are cut around somebody
VISIBLE = 0.25  # least share of a box that lies in the picture; who shows less is background


@dataclass
class View:
    """image: uint8 BGR [H, W, 3]; boxes: float64 [n, 4], x1 y1 x2 y2 in its pixels; people: int [n]."""

    image: np.ndarray
    boxes: np.ndarray
    people: np.ndarray


def view(clip: LabelledClip, size: tuple[int, int], key: Sequence[int]) -> View:
    """A view of `size` (H, W) of a frame: all of it when it has that size, else a part. The same key draws the same."""
    rng = np.random.default_rng(list(key))
    number = int(rng.integers(len(clip.frames)))
    frame, boxes = clip.frames[number], clip.boxes[number]
    height, width = frame.shape[:2]
    centre, scale = np.array([width, height]) / 2, 1.0
    if (height, width) != tuple(size):
        scale = float(np.exp(rng.uniform(*np.log(SCALES))))
        centre = _centre(rng, boxes, np.array([width, height]), np.array(size[::-1]) / scale)
    steps = np.array([scale * rng.choice([-1.0, 1.0]), scale])
    shift = np.array(size[::-1]) / 2 - steps * centre
    image = tinted(rng, warped(frame, np.diag(steps), shift, size))
    moved = boxes.reshape(-1, 2, 2) * steps + shift
    moved = np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)
    seen = _visible(moved, size) >= VISIBLE
    return View(image, moved[seen], clip.people[number][seen])


def _centre(rng: np.random.Generator, boxes: np.ndarray, frame: np.ndarray, part: np.ndarray) -> np.ndarray:
    """The middle (x, y) of a part, which lies in the frame; frame, part: width and height."""
    centre = rng.uniform(0, 1, 2) * frame
    if len(boxes) and rng.random() < NEAR:
        box = boxes[rng.integers(len(boxes))]
        centre = (box[:2] + box[2:]) / 2 + rng.uniform(-0.4, 0.4, 2) * part
    low = np.minimum(part / 2, frame / 2)
    return np.clip(centre, low, frame - low)


def _visible(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """-> [n], the share of each box that lies in a picture of `size` (H, W)."""
    low, high = boxes[:, :2].clip(0), np.minimum(boxes[:, 2:], size[::-1])
    return (high - low).clip(0).prod(axis=1) / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
