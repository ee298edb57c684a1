"""What multiplications cost in the loss: a fixed price, or one that is adapted until a share of them is met."""

from __future__ import annotations

import math
from typing import Protocol

from torch import Tensor

START = 0.3  # of the price: about what the outputs' differences amount to
MEMORY = 0.95  # of the running mean, for each step
RATE = 0.02  # of the price's logarithm, for each step and e-folding that the share is off
ANSWER = 2.0  # of it at once, for each e-folding: without, thresholds and price swing, the one behind the other
ANNEALED = 0.5  # share of the training at whose end the target is the one asked for


class Price(Protocol):
    """`price.loss(share)` is added to the loss; `price.observe(share, progress)` follows each step."""

    weight: float

    def loss(self, share: Tensor) -> Tensor: ...
    def observe(self, share: float, progress: float) -> None: ...
    def state(self) -> dict: ...
    def restore(self, state: dict) -> None: ...


class FixedPrice:
    """`weight` is the price of the share of the multiplications that were made at the start."""

    def __init__(self, weight: float, start: float):
        self.weight, self._start = weight, max(start, 1e-6)

    def loss(self, share: Tensor) -> Tensor:
        return self.weight * share / self._start

    def observe(self, share: float, progress: float) -> None:
        pass

    def state(self) -> dict:
        return {}

    def restore(self, state: dict) -> None:
        pass


class TargetPrice:
    """A Lagrange multiplier of the condition: mean share <= target (Boyd and Vandenberghe, Convex Optimization, 5.5).

    Its logarithm follows that of the running mean over the target, in proportion and in sum: one batch says little, as
    some clips move more than others, and a price that answers each of them makes the thresholds oscillate. The target
    goes from the share at the start to the one asked for, in equal ratios, over the first half.
    """

    def __init__(self, target: float, start: float):
        self.weight, self.target = START, target
        self._multiplier = START
        self._start = self._mean = max(start, 1e-6)
        self._now = self._start

    def loss(self, share: Tensor) -> Tensor:
        return self.weight * share / self._now

    def observe(self, share: float, progress: float) -> None:
        """share: of one step. progress: 0..1, how far the training has come."""
        self._mean = MEMORY * self._mean + (1 - MEMORY) * share
        self._now = self._start * (self.target / self._start) ** min(1.0, progress / ANNEALED)
        off = max(-1.0, min(1.0, math.log(max(self._mean, 1e-6) / self._now)))
        self._multiplier *= math.exp(RATE * off)
        self.weight = self._multiplier * math.exp(ANSWER * off)

    def state(self) -> dict:
        return {"weight": self.weight, "multiplier": self._multiplier, "mean": self._mean, "now": self._now}

    def restore(self, state: dict) -> None:
        self.weight, self._multiplier = state["weight"], state["multiplier"]
        self._mean, self._now = state["mean"], state["now"]
