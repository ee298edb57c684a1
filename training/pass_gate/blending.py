"""The loss of PASS, without labels: a frame's outputs against those of two blends with the frame before.

With the mask m, 1 where a patch is skipped, a convolution's input x and what it was before, p:

    anchor    x
    positive  m p + (1 - m) x    what skipping leaves: the outputs should be the anchor's
    negative  (1 - m) p + m x    everything that was chosen to be computed is old: they should differ

The triplet margin loss of the three alone is least when nothing is skipped. The budget asks for it: the squared error
to a share of active patches, as in DynConv (Verelst and Tuytelaars, arXiv 1912.03203). The published distance is that
of all the outputs' numbers, most of which describe background; distillation.py knows better which of them matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from patchskip.training.distillation import Distillation
from patchskip.training.skipping.network import SkipNetwork, spread

from .gate import PassGate

MARGIN = 200.0
Outputs = Mapping[str, Tensor]
Distance = Callable[[Outputs, Outputs], Tensor]  # -> [N]


class Losses(NamedTuple):
    """Scalars with gradients. positive, negative: mean distances of the outputs from the anchor's."""

    triplet: Tensor
    active: Tensor
    positive: Tensor
    negative: Tensor

    def total(self, target: float | None, weight: float) -> Tensor:
        """With the budget: `weight` times the squared relative error to the `target` share. None: as published."""
        return self.triplet if target is None else self.triplet + weight * (self.active / target - 1) ** 2


def published_distance(outputs: Outputs, anchor: Outputs) -> Tensor:
    found, wanted = (torch.cat([value.flatten(1) for value in side.values()], 1) for side in (outputs, anchor))
    return F.pairwise_distance(found, wanted)


def distilled_distance(distillation: Distillation) -> Distance:
    return lambda outputs, anchor: torch.stack(list(distillation(outputs, anchor).values())).sum(0)


def losses(
    network: SkipNetwork,
    gates: Mapping[str, PassGate],
    previous: Tensor,
    current: Tensor,
    margin: float = MARGIN,
    distance: Distance = published_distance,
) -> Losses:
    """previous, current: [N, C, H, W], the network's inputs. gates: by the network's layers; `active` is their mean."""
    before: dict[str, Tensor] = {}
    skips: dict[str, Tensor] = {}

    def remember(name: str) -> Callable[[Tensor], Tensor]:
        return lambda x: before.setdefault(name, x)

    def positive(name: str) -> Callable[[Tensor], Tensor]:
        def hook(x: Tensor) -> Tensor:
            skips[name] = gates[name](x, before[name]).skip
            return blend(x, before[name], skips[name], gates[name].form.patch)

        return hook

    def negative(name: str) -> Callable[[Tensor], Tensor]:
        return lambda x: blend(x, before[name], 1 - skips[name], gates[name].form.patch)

    with torch.no_grad():
        if gates.keys() <= network.pictures:
            before = dict.fromkeys(gates, previous)
        else:
            network(previous, {}, {name: remember(name) for name in gates})
        anchor = network(current, {}).outputs
    near, far = (
        distance(network(current, {}, {name: kind(name) for name in gates}).outputs, anchor)
        for kind in (positive, negative)
    )
    active = torch.stack([1 - skip.mean() for skip in skips.values()]).mean()
    return Losses(F.relu(near - far + margin).mean(), active, near.mean(), far.mean())


def blend(current: Tensor, previous: Tensor, skip: Tensor, patch: int) -> Tensor:
    """`previous` where `skip` [N, Gh, Gw] is 1, `current` where it is 0: [N, C, H, W]."""
    kept = spread(skip, patch, current.shape[2:])
    return kept * previous + (1 - kept) * current
