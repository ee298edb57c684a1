"""The expectation that is brought up to date against one made anew, frame by frame."""

import numpy as np
import pytest

from patchskip.runtime.tasks.volumes import Expectation

JOINTS, SIDE = 18, 16


def some(maps, rng, change, count=20):
    """In place: `change` of all cells of some columns."""
    y, x = rng.randint(0, SIDE, (2, count))
    maps[..., y, x] = change(maps[..., y, x])


CHANGES = {
    "a little": lambda cells: cells + 0.1,
    "a higher peak": lambda cells: cells + 90,  # exp would overflow
    "the peak has gone": lambda cells: cells - 90,
    "nothing": lambda cells: cells,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_columns_that_changed(change, rng):
    maps = rng.normal(0, 5, (1, JOINTS * SIDE, SIDE, SIDE)).astype(np.float32)
    expectation = Expectation(JOINTS, SIDE)
    for _ in range(5):
        np.testing.assert_allclose(expectation(maps)[0], Expectation(JOINTS, SIDE)(maps)[0], rtol=1e-4, atol=1e-5)
        some(maps, rng, change)


def test_the_peak_goes_and_comes_back(rng):
    """What was negligible is all that is left, and then negligible again."""
    maps = rng.normal(0, 1, (1, JOINTS * SIDE, SIDE, SIDE)).astype(np.float32)
    expectation = Expectation(JOINTS, SIDE)
    for peak in (0, 200, 0, 60, -60, 200):
        maps[:, :, 3, 4] = peak
        np.testing.assert_allclose(expectation(maps)[0], Expectation(JOINTS, SIDE)(maps)[0], rtol=1e-4, atol=1e-5)


def test_a_frame_without_numbers_does_not_stay(rng):
    maps = rng.normal(0, 1, (1, JOINTS * SIDE, SIDE, SIDE)).astype(np.float32)
    expectation, good = Expectation(JOINTS, SIDE), maps.copy()
    expected, score = expectation(maps)
    for value in (np.nan, np.inf):
        maps[:, :, 3, 4] = value
        assert np.isnan(expectation(maps)[1])
        found, again = expectation(good)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert again == pytest.approx(score, rel=1e-5)
