"""FairMOT's loss against its formulas written out."""

import math

import pytest
import torch

from patchskip.training.recipes.fairmot.losses import REACH, Loss, expect_nobody, focal
from patchskip.training.recipes.fairmot.targets import Targets


def test_focal_loss(seed):
    torch.manual_seed(seed)
    logits, heat = torch.randn(2, 1, 3, 4), torch.rand(2, 1, 3, 4)
    heat[0, 0, 1, 2] = heat[1, 0, 0, 0] = 1
    total = 0.0
    for x, y in zip(logits.flatten().tolist(), heat.flatten().tolist()):
        p = 1 / (1 + math.exp(-x))
        total -= (1 - p) ** 2 * math.log(p) if y == 1 else (1 - y) ** 4 * p**2 * math.log(1 - p)
    assert focal(logits, heat).item() == pytest.approx(total / 2, rel=1e-5)
    assert torch.isfinite(focal(1000 * logits, heat)), "a sigmoid of 0 or 1 is no logarithm of 0"


def persons(count):
    heat = torch.zeros(1, 1, 4, 5)
    heat[0, 0, range(count), 2] = 1
    at = torch.tensor([[0] * count, list(range(count)), [2] * count], dtype=torch.int64)
    return Targets(heat, at, torch.full((count, 4), 3.0), torch.full((count, 2), 0.5), torch.arange(count))


def test_the_total(seed):
    torch.manual_seed(seed)
    loss, found = Loss(6, 3), persons(3)
    outputs = tuple(torch.randn(1, n, 4, 5) for n in (1, 4, 6, 2))
    terms = {name: value.item() for name, value in loss(outputs, found).items()}
    assert terms["reach"] == pytest.approx((outputs[1][0, :, :3, 2] - 3).abs().mean().item(), rel=1e-5)
    assert terms["offset"] == pytest.approx((outputs[3][0, :, :3, 2] - 0.5).abs().mean().item(), rel=1e-5)
    detection = terms["heat"] + REACH * terms["reach"] + terms["offset"]
    weighed = math.exp(1.85) * detection + math.exp(1.05) * terms["identity"] - 1.85 - 1.05
    assert terms["total"] == pytest.approx(weighed / 2, rel=1e-5)


@pytest.mark.parametrize("count, identities", [(0, 3), (1, 1), (2, 2)])
def test_few_persons(count, identities):
    outputs = tuple(torch.zeros(1, n, 4, 5, requires_grad=True) for n in (1, 4, 6, 2))
    total = Loss(6, identities)(outputs, persons(count))["total"]
    total.backward()
    assert torch.isfinite(total) and all(torch.isfinite(output.grad).all() for output in outputs)


def test_a_head_that_expects_nobody():
    last = torch.nn.Conv2d(8, 1, 1)
    expect_nobody(last)
    scores = last(torch.randn(1, 8, 16, 16)).sigmoid()
    assert 0.08 < scores.min() and scores.max() < 0.12
