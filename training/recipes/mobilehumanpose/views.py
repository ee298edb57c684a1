"""Pictures as the training sees them: moved, turned, scaled, mirrored and of another brightness, with their joints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from patchskip.training.recipes.pictures import tensor, tinted, warped

from .body import MIRRORED
from .taught import TaughtClip

SCALES = 0.8, 1.25
SHIFT = 0.08  # up to so much of the picture's side
TURN = 10.0  # degrees


@dataclass
class Targets:
    """Of N pictures and J joints.

    places   float32 [N, J, 3]: x, y, z as shares of the volume's sides, 0..1 within it; z never lies outside
    known    bool [N, J]: does the joint lie in the picture?
    """

    places: Tensor
    known: Tensor

    def to(self, device: torch.device) -> Targets:
        return Targets(self.places.to(device), self.known.to(device))


@dataclass(frozen=True)
class Batches:
    """`batches(step)` -> pictures and targets of `count` views of a clip. recipe: how a frame is normalised."""

    clip: TaughtClip
    recipe: dict
    count: int
    seed: int

    def __call__(self, step: int) -> tuple[Tensor, Targets]:
        images, joints = zip(*(view(self.clip, (self.seed, step, i)) for i in range(self.count)))
        return tensor(images, self.recipe), targets(np.array(joints), images[0].shape[:2])


def view(clip: TaughtClip, key: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """-> (uint8 BGR [H, W, 3], joints [J, 3] in its pixels), of one of the frames. The same key draws the same."""
    rng = np.random.default_rng(list(key))
    number = int(rng.integers(len(clip.frames)))
    frame, joints = clip.frames[number], clip.joints[number]
    size = frame.shape[:2]
    scale = float(np.exp(rng.uniform(*np.log(SCALES))))
    angle = np.radians(rng.uniform(-TURN, TURN))
    mirrored = rng.random() < 0.5
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear[:, 0] *= -1 if mirrored else 1
    middle = np.array(size[::-1]) / 2
    shift = middle * (1 + 2 * rng.uniform(-SHIFT, SHIFT, 2)) - linear @ middle
    moved = np.concatenate([joints[:, :2] @ linear.T + shift, scale * joints[:, 2:]], axis=1)
    return tinted(rng, warped(frame, linear, shift, size)), moved[MIRRORED] if mirrored else moved


def targets(joints: np.ndarray, size: tuple[int, int]) -> Targets:
    """joints [N, J, 3] in pixels of pictures of `size` (H, W) -> as runtime/tasks/keypoints.py reads volumes: as deep
    as the picture is wide, z being 0 in the middle."""
    height, width = size
    places = joints / (width, height, width) + (0, 0, 0.5)
    known = ((places[..., :2] >= 0) & (places[..., :2] < 1)).all(axis=2)
    places[..., 2] = places[..., 2].clip(0, 1)
    return Targets(torch.from_numpy(places.astype(np.float32)), torch.from_numpy(known))
