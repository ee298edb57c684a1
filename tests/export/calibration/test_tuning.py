"""The course of a calibration, on errors that are made up."""

from types import SimpleNamespace

import numpy as np
import pytest

from patchskip.export import Gate
from patchskip.export.calibration.evaluate import Result
from patchskip.export.calibration.tuning import Goal, Tuning

STEP = 0.35  # of the first ladder


def rough(settings):
    """An error that is small where the first ladder happens to look, and far below; everywhere else it is large."""
    results = []
    for gates in settings:
        place = np.log(gates["images"].threshold) / STEP
        met = {-2: 0.01, -1: 0.02, 0: 0.031}.get(round(place)) if abs(place - round(place)) < 1e-6 else None
        results.append(Result(0.1 * np.exp(-place), met or (0.01 if place < -3 else 0.5)))
    return results


@pytest.mark.parametrize("kind, value", [("error", 0.03), ("active", 0.3)])
def test_what_it_came_by_on_the_way_counts(kind, value):
    """The best by its price misses the goal, and around it nothing reaches it."""
    layout = SimpleNamespace(pictures={"images"}, patches={"images": 16}, sizes={"images": (64, 64)})
    tuning = Tuning(layout, {"images": Gate(1.0, 1)}, rough, Goal(kind, value), lambda line: None)
    found = tuning.run(rounds=0, cells=False)
    assert found.reached and np.log(found.gates["images"].threshold) == pytest.approx(-STEP)
    assert found.point.error == 0.02
