"""What skipping must not change, without labels: the network's own outputs, and what tells its features apart in time.

A term is [N], one number for each stream, so that streams may be spread over processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from patchskip.runtime.tasks import detect

SEEN = 0.03  # scores below it are nobody's detection
MARGIN = 0.5  # share of the way from one frame's features to the next's that a skipped feature may lag
CONTRAST = 0.02  # weight of the contrast, against the distillation's terms


class Distillation(Protocol):
    """`distillation(outputs, dense)` -> {term: [N]}, 0 where both are the same and about 1 where nothing is left."""

    def __call__(self, outputs: Mapping[str, Tensor], dense: Mapping[str, Tensor]) -> dict[str, Tensor]: ...


class Boxes:
    """A YOLOX-style output, rows [x, y, w, h, objectness, classes...] (runtime/tasks/detect.py).

    score: the squared difference of the scores, as a share of their sum: a little of it reorders nothing. box: 1 - IoU,
    what detections are judged by whatever their size is, weighted by the dense score.
    """

    def __init__(self, name: str):
        self._name = name

    def __call__(self, outputs: Mapping[str, Tensor], dense: Mapping[str, Tensor]) -> dict[str, Tensor]:
        rows, wanted = outputs[self._name], dense[self._name]
        score, sure = _score(rows), _score(wanted)
        seen = (torch.maximum(score, sure) > SEEN).to(rows.dtype)
        total = (sure * seen).sum(1) + 1
        return {
            "score": ((score - sure).square() * seen).sum(1) / total,
            "box": (sure * seen * (1 - _overlap(rows, wanted))).sum(1) / total,
        }


def _score(rows: Tensor) -> Tensor:
    return rows[..., 4] * rows[..., 5:].amax(-1)


def _overlap(rows: Tensor, wanted: Tensor) -> Tensor:
    """Intersection over union of the boxes of the same anchors: [N, anchors]."""
    centres, sides = [r[..., :2] for r in (rows, wanted)], [r[..., 2:4].clamp(-8, 8).exp() for r in (rows, wanted)]
    low = torch.maximum(*(centre - side / 2 for centre, side in zip(centres, sides)))
    high = torch.minimum(*(centre + side / 2 for centre, side in zip(centres, sides)))
    shared = (high - low).clamp(min=0).prod(-1)
    return shared / (sides[0].prod(-1) + sides[1].prod(-1) - shared)


class Values:
    """Any outputs: the squared difference over the variance of the dense network's, the mean of all outputs."""

    def __call__(self, outputs: Mapping[str, Tensor], dense: Mapping[str, Tensor]) -> dict[str, Tensor]:
        errors = []
        for name, wanted in dense.items():
            wanted = wanted.flatten(1)
            variance = wanted.var(1, correction=0).clamp(min=1e-6)
            errors.append((outputs[name].flatten(1) - wanted).square().mean(1) / variance)
        return {"outputs": torch.stack(errors).mean(0)}


def distillation(metadata: Mapping) -> Distillation:
    """Chosen as `patchskip run` chooses its task. metadata: an exported model's."""
    model = SimpleNamespace(path="the model", inputs=metadata["inputs"], outputs=metadata["outputs"])
    return Boxes(metadata["outputs"][0]["name"]) if detect.fits(model) else Values()


def contrast(
    features: Mapping[str, Tensor],
    dense: Mapping[str, Tensor],
    previous: Mapping[str, Tensor],
    patches: Mapping[str, int],
) -> Tensor:
    """[N]: a triplet loss (Schroff et al., arXiv 1503.03832) on patches of the gates' features, the mean over gates.

    A patch of this frame's dense feature is nearer to the skipped one than to the previous frame's dense feature, by
    MARGIN of the distance to that. So it is taken over all patches: what did not change has no distance to keep, and
    weighs nothing. features, dense, previous: gate -> [N, C, H, W]; patches: gate -> side of its patches.
    """
    losses = []
    for name, patch in patches.items():
        now, skipped, before = (_descriptors(f[name], patch) for f in (dense, features, previous))
        away, change = (now - skipped).abs().mean(1), (now - before).abs().mean(1)
        scale = change.sum((1, 2)) + 0.01 * now.abs().mean(1).sum((1, 2)) + 1e-12
        losses.append(F.relu(away - (1 - MARGIN) * change).sum((1, 2)) / scale)
    return torch.stack(losses).mean(0)


def _descriptors(feature: Tensor, patch: int) -> Tensor:
    """The mean of each patch: [N, C, patches, patches]."""
    return F.avg_pool2d(feature, patch, ceil_mode=True, count_include_pad=False) if patch > 1 else feature
