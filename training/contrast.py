"""What tells a gate's features apart in time, without labels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

MARGIN = 0.5  # share of the way from one frame's features to the next's that a skipped feature may lag
WEIGHT = 0.02  # of the contrast, against the distillation's terms


def contrast(
    features: Mapping[str, Tensor],
    dense: Mapping[str, Tensor],
    previous: Mapping[str, Tensor],
    patches: Mapping[str, int],
) -> Tensor:
    """[N], a number for each stream: a triplet loss (Schroff et al., arXiv 1503.03832) on patches of the gates'
    features, the mean over gates.

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
