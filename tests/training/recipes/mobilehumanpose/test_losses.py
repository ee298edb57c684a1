"""The loss of volumes against its formulas written out."""

import pytest
import torch

from patchskip.training.recipes.mobilehumanpose.losses import SPREAD, Loss
from patchskip.training.recipes.mobilehumanpose.views import Targets

SIZE = 6


def gaussian(place):
    """The logarithm of the wanted share of each cell, [z, y, x]; place: x, y, z in cells."""
    axis = torch.arange(SIZE, dtype=torch.float32)
    x, y, z = (-((axis - at) ** 2) / (2 * SPREAD**2) for at in place)
    return (z[:, None, None] + y[None, :, None] + x[None, None, :]).flatten().log_softmax(0)


def test_terms(seed):
    torch.manual_seed(seed)
    volumes, places = torch.randn(2, 3 * SIZE, SIZE, SIZE), torch.rand(2, 3, 3)
    known = torch.tensor([[True, False, True], [True, True, False]])
    off, divergence = [], []
    for n, j in known.nonzero().tolist():
        logarithm = volumes[n, j * SIZE : (j + 1) * SIZE].flatten().log_softmax(0)
        cells = torch.cartesian_prod(*3 * [torch.arange(SIZE)]).flip(1)  # x, y, z
        found = (logarithm.exp()[:, None] * cells).sum(0)
        off.append((found - SIZE * places[n, j]).abs().mean())
        wanted = gaussian(SIZE * places[n, j])
        divergence.append((wanted.exp() * (wanted - logarithm)).sum())
    terms = Loss()(volumes, Targets(places, known))
    assert terms["place"].item() == pytest.approx(torch.stack(off).mean().item(), rel=1e-4)
    assert terms["peak"].item() == pytest.approx(torch.stack(divergence).mean().item(), rel=1e-4)
    assert terms["total"].item() == pytest.approx((terms["place"] + terms["peak"]).item())


def test_a_volume_that_is_right():
    place = torch.tensor([2.5, 2.5, 2.5])
    volume = 3 + gaussian(place).reshape(1, SIZE, SIZE, SIZE)
    terms = Loss()(volume, Targets(place.reshape(1, 1, 3) / SIZE, torch.ones(1, 1, dtype=torch.bool)))
    assert terms["place"].item() == pytest.approx(0, abs=1e-4) and terms["peak"].item() == pytest.approx(0, abs=1e-4)


def test_no_joint_is_known():
    volumes = torch.randn(1, SIZE, SIZE, SIZE, requires_grad=True)
    total = Loss()(volumes, Targets(torch.zeros(1, 1, 3), torch.zeros(1, 1, dtype=torch.bool)))["total"]
    total.backward()
    assert total == 0 and not volumes.grad.any()
