"""FairMOT's loss (Zhang et al., IJCV 2021, arXiv 2004.01888, section 3)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .targets import Targets

REACH = 0.1  # weight of a box's sides, as in CenterNet
UNCERTAIN = {"detection": -1.85, "identity": -1.05}  # w1 and w2 at the start, as published
PRIOR = 0.1  # what a cell's score is at the start


class Loss(nn.Module):
    """`loss(outputs, targets)` -> {"total", "heat", "reach", "offset", "identity"}, scalars.

        total = (exp(-w1) (heat + 0.1 reach + offset) + exp(-w2) identity + w1 + w2) / 2

    with learned w1 and w2 (Kendall et al., CVPR 2018). A person's identity is learned as a class, by a linear layer on
    the embedding; that layer is needed in training only. channels: of an embedding; identities: how many persons.
    """

    def __init__(self, channels: int, identities: int):
        super().__init__()
        self.classifier = nn.Linear(channels, identities)
        self.detection, self.identity = (nn.Parameter(torch.tensor(value)) for value in UNCERTAIN.values())
        self.scale = math.sqrt(2) * max(1.0, math.log(max(identities - 1, 1)))

    def forward(self, outputs: tuple[Tensor, ...], targets: Targets) -> dict[str, Tensor]:
        heat, reach, embedding, offset = (output.float() for output in outputs)
        number, row, column = targets.at
        reach, embedding, offset = (output[number, :, row, column] for output in (reach, embedding, offset))
        some = max(len(targets.people), 1)
        logits = self.classifier(self.scale * functional.normalize(embedding))
        terms = {
            "heat": focal(heat, targets.heat),
            "reach": (reach - targets.reach).abs().sum() / (4 * some),
            "offset": (offset - targets.offset).abs().sum() / (2 * some),
            "identity": functional.cross_entropy(logits, targets.people, reduction="sum") / some,
        }
        found = terms["heat"] + REACH * terms["reach"] + terms["offset"]
        total = (-self.detection).exp() * found + (-self.identity).exp() * terms["identity"]
        return {"total": (total + self.detection + self.identity) / 2, **terms}


def focal(logits: Tensor, heat: Tensor) -> Tensor:
    """CenterNet's focal loss (Zhou et al., arXiv 1904.07850, equation 1, alpha 2, beta 4), for each centre.

    -(1 - p)^2 log p at a centre, -(1 - heat)^4 p^2 log(1 - p) elsewhere, p the logits' sigmoid.
    """
    p, centre = logits.sigmoid(), heat == 1
    here = (1 - p) ** 2 * functional.logsigmoid(logits)
    elsewhere = (1 - heat) ** 4 * p**2 * functional.logsigmoid(-logits)
    return -torch.where(centre, here, elsewhere).sum() / centre.sum().clamp(min=1)


def last_of(model: nn.Module, head: str) -> nn.Conv2d:
    """The convolution that a head of the network ends in."""
    last = list(model.get_submodule(head).children())[-1]
    assert isinstance(last, nn.Conv2d)
    return last


def expect_nobody(last: nn.Conv2d) -> None:
    """Let the centres' head begin with a score of PRIOR everywhere: thousands of empty cells would drown the rest."""
    assert last.bias is not None
    nn.init.normal_(last.weight, std=0.01)
    nn.init.constant_(last.bias, math.log(PRIOR / (1 - PRIOR)))
