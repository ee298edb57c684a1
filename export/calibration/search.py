"""Thresholds that save the most multiplications at an error: a search over all of them at once.

A point x holds the logarithms of the thresholds. The error is a rough function of it (one lost box more or less), and
the layers interact: what one gate holds back, the next never sees. One at a time, from a far-away point, tells nothing.
So each round moves all thresholds at random around the present point, both ways, and fits how log(active MACs) and the
error follow each of them *here*; every run then tells something about every threshold. The step that the fit proposes
is made in several lengths, and the best of these is the next point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

STEP = 0.35  # first size of moves: thresholds x 1.4
LEAST_STEP = 0.1
ELASTICITY = (0.1, 0.5)
REACH = 100.0  # of a ladder: factor of the thresholds


class Point(NamedTuple):
    x: np.ndarray
    active: float
    error: float


Measure = Callable[[Sequence[np.ndarray]], list[Point]]


class Price:
    """What a point is worth, the less the better: log(active MACs), and its distance from the target error.

    slope: the frontier's own -d log(active) / d error near the target: with it points of slightly different errors
    compare as if each had been scaled to the target. Further off a frontier bends: more error is worth less than the
    slope says, and less error costs more.
    """

    def __init__(self, slope: float, target: float):
        self.slope, self.target = slope, target

    def __call__(self, point: Point) -> float:
        over, near = point.error - self.target, 0.2 * self.target
        bent = max(over - near, 0.0) - 0.5 * min(over + near, 0.0)
        return float(np.log(point.active) + self.slope * (over + bent))


def ladder(measure: Measure, x: np.ndarray, crossed: Callable[[Point], bool], step: float = 0.35) -> list[Point]:
    """Scale x until `crossed` (small thresholds have not, large ones have) changes. -> points, by rising thresholds.

    Four at a time, as long as there is no change between them and within a factor of REACH in thresholds; then three
    more between the two around the change.
    """
    found = _scaled(measure, x, step * np.arange(-2, 2))
    while max(abs(key) for key in found) < np.log(REACH):
        keys = sorted(found)
        if crossed(found[keys[0]]):
            found.update(_scaled(measure, x, keys[0] - 2 * step * np.arange(1, 5)))
        elif not crossed(found[keys[-1]]):
            found.update(_scaled(measure, x, keys[-1] + step * np.arange(1, 5)))
        else:
            break
    keys = sorted(found)
    for low, high in zip(keys, keys[1:]):
        if not crossed(found[low]) and crossed(found[high]):
            found.update(_scaled(measure, x, low + (high - low) * np.array([0.25, 0.5, 0.75])))
            break
    return [found[key] for key in sorted(found)]


def _scaled(measure: Measure, x: np.ndarray, shifts: np.ndarray) -> dict[float, Point]:
    return dict(zip(map(float, shifts), measure([x + shift for shift in shifts])))


def slope(points: Sequence[Point], target: float) -> float:
    """-> -d log(active) / d error of a ladder near the target: of the four points that are nearest to it.

    Errors are rough, and a few points may lie on a step of theirs: the slope is held to what an error of twice the
    target is worth on real frontiers, ELASTICITY in log(active) for each log(error).
    """
    errors, logs = np.array([point.error for point in points]), np.log([point.active for point in points])
    near = np.argsort(abs(errors - target))[:4]
    spread = errors[near] - errors[near].mean()
    fitted = -(spread * logs[near]).sum() / max(float((spread**2).sum()), 1e-12)
    return float(np.clip(fitted, *(np.array(ELASTICITY) / max(target, 1e-6))))


def descend(measure: Measure, start: Point, price: Price, rounds: int, seed: int = 0, report=lambda *_: None) -> Point:
    """-> the point with the least price among the start and the steps that the rounds propose.

    The runs around a point are for the fit alone: the best of many would be the luckiest, on these clips only.
    """
    rng, best, step = np.random.default_rng(seed), start, STEP
    seen = [start]
    for number in range(rounds):
        signs = rng.choice((-1.0, 1.0), size=(max(4, (len(best.x) + 1) // 2), len(best.x)))
        seen += measure([best.x + step * sign for sign in (*signs, *-signs)])
        move = proposal(seen, best, price, step)
        found = measure([best.x + length * move for length in (0.5, 1.0, 2.0)])
        seen += found
        first = min(found, key=price)
        report(number + 1, first, best)
        if price(first) < price(best):
            best = first
        else:
            step *= 0.7
            if step < LEAST_STEP:
                break
    return best


def proposal(seen: Sequence[Point], at: Point, price: Price, step: float) -> np.ndarray:
    """The move of at most `step` for each threshold that the points around `at` speak for.

    Ridge regression of log(active) and of the error on the thresholds. The error is rough, so its slopes are pulled
    towards what each threshold's savings would cost at the frontier's price: where nothing is known, it stays.
    """
    moves = np.array([point.x - at.x for point in seen])
    weights = np.exp(-((np.abs(moves).max(axis=1) / (2.5 * step)) ** 2))
    work = _slopes(moves, np.log([p.active for p in seen]), weights, 0.01)
    usual = -work / price.slope
    errors = np.array([point.error for point in seen])
    error = np.maximum(usual + _slopes(moves, errors - moves @ usual, weights, 0.3), 0)
    gain = -(work + price.slope * error)
    return step * np.clip(gain / max(float(np.abs(gain).mean()), 1e-12), -1, 1)


def _slopes(moves: np.ndarray, values: np.ndarray, weights: np.ndarray, ridge: float) -> np.ndarray:
    weights = weights / weights.sum()
    moves = moves - weights @ moves
    values = values - weights @ values
    gram = (moves * weights[:, None]).T @ moves
    return np.linalg.solve(gram + ridge * np.trace(gram) / len(gram) * np.eye(len(gram)), moves.T @ (weights * values))
