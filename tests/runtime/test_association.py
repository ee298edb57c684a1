import itertools

import numpy as np
import pytest

from patchskip.runtime.tasks import association, kalman

pytest.importorskip("scipy", reason="tracking needs SciPy: pip install 'patchskip[track]'")


def cheapest(costs, limit):
    """By trying all: each pair costs its cost, whoever stays alone limit / 2."""
    n, m = costs.shape
    best = np.inf
    for size in range(min(n, m) + 1):
        for rows in itertools.combinations(range(n), size):
            for columns in itertools.permutations(range(m), size):
                total = sum(costs[r, c] for r, c in zip(rows, columns, strict=True)) + limit / 2 * (n + m - 2 * size)
                best = min(best, total)
    return best


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (2, 4), (4, 2)])
def test_no_assignment_is_cheaper(rng, shape):
    for limit in (0.2, 0.5, 0.9):
        costs = rng.uniform(0, 1, shape)
        costs[rng.uniform(0, 1, shape) < 0.2] = np.inf
        rows, columns = association.assign(costs, limit)
        assert (costs[rows, columns] < limit).all()
        total = costs[rows, columns].sum() + limit / 2 * (sum(shape) - 2 * len(rows))
        assert total == pytest.approx(cheapest(costs, limit))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nobody(shape):
    assert [len(side) for side in association.assign(np.zeros(shape), 0.5)] == [0, 0]


def test_appearance_by_hand():
    me, twin, stranger = np.array([[1.0, 0]]), [1.0, 0], [0.0, 1]
    motion = np.array([[0, 0, kalman.GATE + 1]])
    found = association.appearance(me, np.array([twin, stranger, twin]), motion)
    np.testing.assert_allclose(found, [[0, 0.98, np.inf]])
