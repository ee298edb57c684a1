"""What FairMOT's heads should say about a picture with boxes: CenterNet's targets (Zhou et al., arXiv 1904.07850)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .views import View

CELL = 4  # pixels of the input for each of the heads' cells, on either axis
OVERLAP = 0.7


@dataclass
class Targets:
    """Of N pictures, and K persons in all of them.

    heat     float32 [N, 1, h, w]: 1 at a centre, less around it
    at       int64 [3, K]: number of the picture, row and column of each centre
    reach    float32 [K, 4]: from the centre to the left, top, right and bottom of the box, in cells
    offset   float32 [K, 2]: x and y of the centre within its cell, 0..1
    people   int64 [K]
    """

    heat: Tensor
    at: Tensor
    reach: Tensor
    offset: Tensor
    people: Tensor

    def to(self, device: torch.device) -> Targets:
        return Targets(*(value.to(device) for value in vars(self).values()))


def targets(views: Sequence[View]) -> Targets:
    """Of pictures of one size. A centre is that of the part of the box that is seen; the reach is that of all of it."""
    rows, columns = (side // CELL for side in views[0].image.shape[:2])
    heat = np.zeros((len(views), 1, rows, columns), np.float32)
    at, reach, offset = [], [], []
    for number, view in enumerate(views):
        for box in view.boxes / CELL:
            low, high = np.maximum(box[:2], 0), np.minimum(box[2:], (columns, rows))
            centre = (low + high) / 2
            cell = np.minimum(centre.astype(int), (columns - 1, rows - 1))
            _draw(heat[number, 0], cell, radius(*(high - low)))
            at.append([number, cell[1], cell[0]])
            reach.append([*(centre - box[:2]), *(box[2:] - centre)])
            offset.append(centre - cell)
    people = np.concatenate([view.people for view in views])
    return Targets(
        torch.from_numpy(heat),
        torch.tensor(at, dtype=torch.int64).reshape(-1, 3).T,
        torch.tensor(np.array(reach), dtype=torch.float32).reshape(-1, 4),
        torch.tensor(np.array(offset), dtype=torch.float32).reshape(-1, 2),
        torch.from_numpy(people.astype(np.int64)),
    )


def radius(width: float, height: float) -> int:
    """How far around a centre the heat reaches, in cells, for a box of so many cells.

    CornerNet (Law and Deng, ECCV 2018) takes the distance by which a box's corners may move apart for an overlap of
    0.7; CenterNet and FairMOT were published with twice 0.7 times that: the root of the quadratic equation
    4 o r^2 + 2 o (w + h) r = (1 - o) w h without the division by twice its first coefficient.
    """
    linear = 2 * OVERLAP * (width + height)
    return int((math.sqrt(linear**2 + 16 * OVERLAP * (1 - OVERLAP) * width * height) - linear) / 2)


def _draw(heat: np.ndarray, cell: np.ndarray, radius: int) -> None:
    """A Gaussian whose standard deviation is a sixth of the diameter; where two meet the higher stays."""
    sigma = (2 * radius + 1) / 6
    rows, columns = (np.arange(max(0, c - radius), min(n, c + radius + 1)) for c, n in zip(cell[::-1], heat.shape))
    squared = (rows[:, None] - cell[1]) ** 2 + (columns - cell[0]) ** 2
    part = heat[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    np.maximum(part, np.exp(-squared / (2 * sigma**2)), out=part)
