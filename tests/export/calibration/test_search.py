"""The search on functions whose best point is known: layers that interact, an error that is rough."""

import numpy as np
import pytest

from patchskip.export.calibration import search
from patchskip.export.calibration.search import Point, Price

COST = np.array([8.0, 4.0, 1.0, 1.0, 0.5, 0.5])  # of the error, for a doubled threshold
SAVED = np.array([1.0, 1.0, 2.0, 0.1, 1.0, 0.0])  # of log(active)


def measure(xs):
    """Thresholds that save alike cost differently; an error that is rough in its last digit."""
    points = []
    for x in xs:
        active = 0.05 + 0.3 * float(np.exp(-0.3 * SAVED @ x))
        harm = 0.01 * COST @ np.exp(0.7 * x)
        rough = 0.002 * np.sin(1000 * x).sum()
        points.append(Point(x, active, float(max(harm**1.5 + rough, 0))))
    return points


def at_error(x, error):
    """The active share of the points that lie on the line of one factor, at an error."""
    points = search.ladder(measure, x, lambda point: point.error > error, step=0.1)
    return np.interp(error, [p.error for p in points], [p.active for p in points])


def test_ladder_ends_around_the_target():
    for start in (-2.0, 0.0, 1.5):
        points = search.ladder(measure, np.full(6, start), lambda point: point.error > 0.05)
        errors = [point.error for point in points]
        assert min(errors) <= 0.05 < max(errors)
        assert [float(p.x[0]) for p in points] == sorted(float(p.x[0]) for p in points)


def test_ladder_stops_where_nothing_is_reached():
    points = search.ladder(lambda xs: [Point(x, 1.0, 1.0) for x in xs], np.zeros(2), lambda point: point.error > 0.5)
    assert 3 < len(points) < 15 and points[0].x[0] < np.log(0.02)


def test_descend_beats_one_factor_for_all(seed):
    target = 0.05
    before = search.ladder(measure, np.zeros(6), lambda point: point.error > target)
    price = Price(search.slope(before, target), target)
    start = min(before, key=price)
    best = search.descend(measure, start, price, 12, seed=seed)
    assert price(best) < price(start)
    assert at_error(best.x, target) < 0.75 * at_error(np.zeros(6), target)


def test_descend_is_deterministic():
    start, price = measure([np.zeros(6)])[0], Price(5.0, 0.05)
    runs = [search.descend(measure, start, price, 3, seed=1) for _ in range(2)]
    assert np.array_equal(runs[0].x, runs[1].x)


def test_slope_is_that_of_the_frontier():
    points = [Point(np.zeros(1), float(np.exp(-7 * error)), error) for error in (0.0, 0.02, 0.06, 0.2)]
    assert search.slope(points, 0.05) == pytest.approx(7)


def test_slope_of_errors_that_lie_on_a_step():
    points = [Point(np.zeros(1), active, 0.05) for active in (0.02, 0.04, 0.08)]
    assert 2 <= search.slope(points, 0.05) <= 10
