"""The views of each step of the training, drawn from the seed and the step's number alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from patchskip.training.recipes.pictures import tensor

from .labelled import LabelledClip
from .targets import Targets, targets
from .views import view

WHOLE = 0.25  # share of the steps, the last ones, that see whole frames


@dataclass(frozen=True)
class Batches:
    """`batches(step)` -> pictures and targets, of `count` parts of size `crop` (H, W), or of whole frames: as many as
    have those parts' pixels. recipe: how a frame is normalised."""

    clip: LabelledClip
    recipe: dict
    steps: int
    crop: tuple[int, int]
    count: int
    seed: int

    def __call__(self, step: int) -> tuple[Tensor, Targets]:
        size, count = self._size(step)
        views = [view(self.clip, size, (self.seed, step, i)) for i in range(count)]
        return tensor((drawn.image for drawn in views), self.recipe), targets(views)

    def _size(self, step: int) -> tuple[tuple[int, int], int]:
        """-> the views' height and width, how many there are."""
        height, width = self.clip.frames.shape[1:3]
        if step < self.steps * (1 - WHOLE):
            return self.crop, self.count
        return (height, width), max(1, self.count * math.prod(self.crop) // (height * width))
