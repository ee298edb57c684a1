"""The price of multiplications: it follows the target, on a stand-in for a network whose share falls as the price
rises.
"""

import pytest
import torch

from patchskip.training.budget import FixedPrice, TargetPrice


def train(price, steps=1000, noise=0.0):
    """-> shares. The logarithm of the thresholds moves to where the price has it, a little in each step."""
    generator, position, shares = torch.Generator().manual_seed(0), 0.0, []
    for step in range(steps):
        share = 0.1 * torch.exp(noise * torch.randn((), generator=generator) - position)
        price.observe(float(share), step / steps)
        position += 0.015 * max(-1.0, min(1.0, float(price.loss(share)) - 0.3))
        shares.append(float(share))
    return shares


@pytest.mark.parametrize("target", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_the_target_is_met(target, noise):
    shares = train(TargetPrice(target), noise=noise)
    assert sum(shares[-200:]) / 200 == pytest.approx(target, rel=0.12)


def test_the_target_comes_slowly():
    shares = train(TargetPrice(0.02))
    assert shares[100] > 0.05
    late = shares[-300:]
    assert max(late) < 1.3 * min(late), "it oscillates"


def test_a_fixed_price():
    price = FixedPrice(0.3)
    assert float(price.loss(torch.tensor(0.1))) == pytest.approx(0.3), "the first step"
    price.observe(0.1, 0.0)
    price.observe(0.3, 0.05)
    price.observe(0.9, 0.5)
    assert float(price.loss(torch.tensor(0.2))) == pytest.approx(0.3), "0.2 is the mean at the start"
    assert price.weight == 0.3


def test_restored():
    one, other = TargetPrice(0.02), TargetPrice(0.02)
    for step in range(50):
        one.observe(0.07, step / 100)
    other.restore(one.state())
    one.observe(0.05, 0.5)
    other.observe(0.05, 0.5)
    assert one.state() == other.state() and one.weight == other.weight
