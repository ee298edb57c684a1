"""From a model's own gates to better ones: the cells, the picture against the layers, then each gate by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..gate_file import Gate, cell_within
from . import search
from .evaluate import Evaluator
from .search import Point, Price
from .settings import Gates

LEAST_ACTIVE = 1e-6  # of clips in which no gate opens


@dataclass
class Goal:
    """What is asked: of "error" the most savings at this error, of "active" the least error at this share of MACs."""

    kind: str
    value: float

    def reached(self, point: Point) -> bool:
        """Is the point on the allowed side? Small thresholds are for an error, large ones for a share of MACs."""
        return (point.error if self.kind == "error" else point.active) <= self.value

    def crossed(self, point: Point) -> bool:
        """Is the point beyond the target, seen from small thresholds?"""
        return self.reached(point) == (self.kind == "active")


@dataclass
class Tuned:
    """gates: those chosen. point: what they measured. reached: the goal. before, after: frontiers, one common factor
    for the thresholds of the model's own gates, and of those chosen."""

    gates: dict[str, Gate]
    point: Point
    reached: bool
    before: list[Point]
    after: list[Point] = field(default_factory=list)


Candidate = tuple[dict[str, Gate], Point]


class Tuning:
    def __init__(self, gates: Gates, start: Mapping[str, Gate], evaluator: Evaluator, goal: Goal, say: Callable):
        self._names = list(start)
        self._start, self._evaluator, self._goal, self._say = dict(start), evaluator, goal, say
        self._pictures = [name in gates.pictures for name in self._names]
        self._groups = _groups([gates.sizes[name] for name in self._names])
        self._cells = [start[name].cell or 1 for name in self._names]
        self._patches = [gates.patches[name] for name in self._names]

    def run(self, rounds: int, cells: bool = True) -> Tuned:
        x = np.log([max(self._start[name].threshold, 1e-12) for name in self._names])
        self._say("the gates as they are, all thresholds by one factor")
        before = search.ladder(self._measure, x, self._goal.crossed)
        for point in before:
            self._say(f"  {self._describe(point)}")
        price = self._price(before)
        best = min(before, key=price)
        met = self._with_gates(before)
        if cells:
            best = self._choose_cells(best, price, met)
        if 1 < len(self._groups) < len(self._names):
            self._say("groups of gates")
            best = self._descend(best, self._groups, price, rounds // 2)
            met += self._with_gates([best])
            rounds -= rounds // 2
        self._say("each threshold by itself")
        best = self._descend(best, np.eye(len(self._names)), price, rounds)
        after = search.ladder(self._measure, best.x, self._goal.crossed, step=0.25)
        # An error is rough: what the search came by may reach the goal where nothing on the last ladder does for less.
        gates, chosen = self._nearest([*met, *self._with_gates([best, *after])])
        self._say(f"chosen: {self._describe(chosen)}")
        return Tuned(gates, chosen, self._goal.reached(chosen), before, after)

    def _choose_cells(self, best: Point, price: Price, met: list[Candidate]) -> Point:
        """Finer cells, if they are better at one of a few factors for the picture's and for the layers' thresholds.
        What is better is added to `met`.
        """
        pictures, layers = np.array(self._pictures, float), np.array([not picture for picture in self._pictures], float)
        near, far = np.log([1.0, 1.4, 2.0]), np.log([0.7, 1.0, 1.4])
        for picture, sides in ((False, (1,)), (True, (4, 2, 1))):
            for side in sides:
                kept = list(self._cells)
                self._cells = [
                    cell_within(patch, min(side, cell)) if own == picture else cell
                    for own, cell, patch in zip(self._pictures, self._cells, self._patches)
                ]
                if self._cells == kept:
                    continue
                own, other = (pictures, layers) if picture else (layers, pictures)
                found = min(self._measure([best.x + a * own + b * other for a in near for b in far]), key=price)
                self._say(f"cells of {side} at {'the picture' if picture else 'the layers'}: {self._describe(found)}")
                if price(found) >= price(best):
                    self._cells = kept
                    break
                best = found
                met += self._with_gates([best])
        return best

    def _descend(self, start: Point, groups: np.ndarray, price: Price, rounds: int) -> Point:
        """Rounds over the common factors of `groups` [number, gates], 1 where a gate belongs to one."""

        def measure(factors: Sequence[np.ndarray]) -> list[Point]:
            points = self._measure([start.x + factor @ groups for factor in factors])
            return [Point(factor, point.active, point.error) for factor, point in zip(factors, points)]

        begin = Point(np.zeros(len(groups)), start.active, start.error)
        best = search.descend(measure, begin, price, rounds, report=self._round)
        return Point(start.x + best.x @ groups, best.active, best.error)

    # -- points

    def _gates(self, x: np.ndarray) -> dict[str, Gate]:
        return {
            name: replace(self._start[name], threshold=float(np.exp(value)), cell=cell)
            for name, value, cell in zip(self._names, x, self._cells)
        }

    def _measure(self, xs: Sequence[np.ndarray]) -> list[Point]:
        results = self._evaluator([self._gates(x) for x in xs])
        return [Point(x, max(result.active, LEAST_ACTIVE), result.error) for x, result in zip(xs, results)]

    def _with_gates(self, points: Sequence[Point]) -> list[Candidate]:
        """With the cells as they are now."""
        return [(self._gates(point.x), point) for point in points]

    def _nearest(self, candidates: Sequence[Candidate]) -> Candidate:
        """The best that reaches the goal, or the nearest to it."""

        def active(candidate: Candidate) -> float:
            return candidate[1].active

        def error(candidate: Candidate) -> float:
            return candidate[1].error

        asked, saved = (error, active) if self._goal.kind == "error" else (active, error)
        good = [candidate for candidate in candidates if self._goal.reached(candidate[1])]
        return min(good, key=saved) if good else min(candidates, key=asked)

    def _price(self, points: Sequence[Point]) -> Price:
        target = self._goal.value
        if self._goal.kind == "active":
            target = min(points, key=lambda p: abs(np.log(p.active / self._goal.value))).error
        return Price(search.slope(points, target), target)

    def _round(self, number: int, found: Point, best: Point) -> None:
        self._say(f"  round {number}: {self._describe(found)}; best {self._describe(best)}")

    @staticmethod
    def _describe(point: Point) -> str:
        return f"{point.active:.2%} of the MACs active, error {point.error:.4f}"


def _groups(sizes: Sequence[tuple[int, int]]) -> np.ndarray:
    """[groups, gates]: gates that follow each other on tensors of one size, and so on the same patches, are a group."""
    numbers = np.cumsum([0, *(one != other for one, other in zip(sizes, sizes[1:]))])
    return (numbers == np.arange(numbers[-1] + 1)[:, None]).astype(float)
