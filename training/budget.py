"""What multiplications cost in the loss: a fixed price, or one that is adapted until a share of them is met."""

from __future__ import annotations

import math

from torch import Tensor

START = 0.3  # of the price: about what the outputs' differences amount to
FOUND = 0.1  # share of the training in which the share at the start is found out
ANNEALED = 0.5  # share of the training at whose end the target is the one asked for
MEMORY = 0.97  # of the running mean, for each step
RATE = 0.015  # of the price's logarithm, for each step and e-folding that the share is off
ANSWER = 1.5  # of it at once, for each e-folding: without, thresholds and price swing, the one behind the other
LEAST, MOST = 0.01, 3.0  # of the price


class FixedPrice:
    """`price.loss(share)` is added to the loss, `price.observe(share, progress)` follows each step.

    weight: the price of the share of the multiplications that were made at the start, a mean over the first steps.
    """

    def __init__(self, weight: float):
        self.weight = weight
        self._mean = self._start = self._now = 0.0
        self._steps = 0

    def loss(self, share: Tensor) -> Tensor:
        return self.weight * share / (self._now or share.detach().clamp(min=1e-6))

    def observe(self, share: float, progress: float) -> None:
        """share: of one step. progress: 0..1, how far the training has come."""
        self._steps += 1
        new = max(1 - MEMORY, 1 / self._steps)
        self._mean += new * (max(share, 1e-6) - self._mean)
        if progress < FOUND or not self._start:
            self._start = self._now = self._mean

    def state(self) -> dict:
        return dict(vars(self))

    def restore(self, state: dict) -> None:
        vars(self).update(state)


class TargetPrice(FixedPrice):
    """A Lagrange multiplier of the condition: mean share <= target (Boyd and Vandenberghe, Convex Optimization, 5.5).

    Its logarithm follows that of the running mean over the target, in proportion and in sum: one batch says little, as
    some clips move more than others, and a price that answers each of them makes the thresholds oscillate. The target
    goes from the share at the start to the one asked for, in equal ratios, over the first half.
    """

    def __init__(self, target: float):
        super().__init__(START)
        self.target, self._multiplier = target, START

    def observe(self, share: float, progress: float) -> None:
        super().observe(share, progress)
        way = (progress - FOUND) / (ANNEALED - FOUND)
        self._now = self._start * (self.target / self._start) ** max(0.0, min(1.0, way))
        off = max(-1.0, min(1.0, math.log(self._mean / self._now)))
        self._multiplier = max(LEAST, min(MOST, self._multiplier * math.exp(RATE * off)))
        self.weight = self._multiplier * math.exp(ANSWER * off)
