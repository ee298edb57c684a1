"""The light gate: has a patch changed enough, by a weighted mean of its cells' differences? (docs/op-spec.md)

Two things can be learned: the threshold, and a weight for each channel. The decision itself is a step; gradients pass
it as through a sigmoid of its logarithmic distance from the threshold (the straight-through estimator, Bengio et al.,
arXiv 1308.3432).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LEAST = 1e-12
LEAST_WEIGHT = 1e-6


class LightGate(nn.Module):
    """threshold: of the mean over channels of weights x |difference|. patch, cell: sides in pixels of the tensor.

    weights: [channels]. `softness` is the width of the sigmoid, in e-foldings of the threshold. Threshold and weights
    are learned as logarithms; a weight of 0 comes back as LEAST_WEIGHT.
    """

    def __init__(self, weights: Tensor, threshold: float, patch: int, cell: int, softness: float = 0.5):
        super().__init__()
        self.patch, self.cell, self.softness = patch, cell, softness
        self.log_threshold = nn.Parameter(torch.zeros(()))
        self.log_weights = nn.Parameter(weights.clamp(min=LEAST_WEIGHT).log())
        self.set_threshold(threshold)

    def set_threshold(self, threshold: float) -> None:
        with torch.no_grad():
            self.log_threshold.fill_(math.log(max(threshold, _LEAST)))

    @property
    def threshold(self) -> Tensor:
        """That goes with `weights`."""
        return self.log_threshold.exp()

    @property
    def weights(self) -> Tensor:
        return self.log_weights.exp()

    def forward(self, difference: Tensor, forgotten: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """difference [N, C, cells, cells] -> (decision, its smooth likeness in 0..1), [N, patches, patches]. The
        decision is 0 or 1 and has the gradient of the likeness. What is NaN or `forgotten` has changed; that is bool
        [N, squares, squares], of a coarser grid over the same picture.
        """
        known = torch.nan_to_num(difference, nan=0.0)
        score = (known.abs() * self.weights.view(1, -1, 1, 1)).mean(1)
        step = self.patch // self.cell
        if step > 1:
            score = F.max_pool2d(score[:, None], step, ceil_mode=True)[:, 0]
            unknown = F.max_pool2d(difference.isnan().any(1, keepdim=True).float(), step, ceil_mode=True)[:, 0] > 0
        else:
            unknown = difference.isnan().any(1)
        if forgotten is not None:
            unknown = unknown | spread_squares(forgotten, unknown.shape[1:])
        distance = (score.clamp(min=_LEAST).log() - self.log_threshold) / self.softness
        likeness = torch.where(unknown, torch.ones_like(distance), distance.sigmoid())
        hard = (unknown | (distance > 0)).to(likeness.dtype)
        return hard + (likeness - likeness.detach()), likeness


def spread_squares(squares: Tensor, grid: tuple[int, ...]) -> Tensor:
    """[N, squares, squares] -> [N, *grid], each of which lies in one of them (runtime/parts.py). What is one patch as a
    whole is not forgotten in parts.
    """
    if tuple(grid) == (1, 1) != tuple(squares.shape[1:]):
        return torch.zeros_like(squares[:, :1, :1])
    for axis, count in zip((1, 2), grid):
        squares = squares.repeat_interleave(-(-count // squares.shape[axis]), axis)
    return squares[:, : grid[0], : grid[1]]


def cell_means(value: Tensor, cell: int) -> Tensor:
    """[N, C, H, W] -> [N, C, ceil(H / cell), ceil(W / cell)]; a cut cell averages the pixels it has."""
    if cell == 1:
        return value
    return F.avg_pool2d(value, cell, ceil_mode=True, count_include_pad=False)
