"""Which detection is which track: costs of pairs, and the cheapest assignment."""

import numpy as np

from ..errors import PatchskipError
from . import kalman

MOTION_SHARE = 0.02  # of a pair's cost, where the rest is appearance


def solver():
    """-> scipy.optimize.linear_sum_assignment. Raises PatchskipError when SciPy is not installed."""
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise PatchskipError(
            "tracking needs SciPy, which cannot be imported ({}); pip install scipy (on a Jetson: apt install "
            "python3-scipy)".format(error)
        ) from error
    return linear_sum_assignment


def assign(costs, limit):
    """-> (rows, columns) of the pairs that make the total cost least, when what stays alone costs limit / 2.

    costs [n, m] may hold infinity; no pair that is returned costs `limit` or more.
    """
    if costs.size == 0:
        return np.zeros(0, int), np.zeros(0, int)
    rows, columns = solver()(np.minimum(costs - limit, 0))
    good = costs[rows, columns] < limit
    return rows[good], columns[good]


def appearance(embeddings, others, motion):
    """-> costs [n, m]: cosine distances of unit embeddings, a little of the motion, infinity where that forbids it.

    embeddings [n, c], others [m, c]; motion [n, m]: squared Mahalanobis distances, see kalman.GATE. As FairMOT fuses
    them (Zhang et al., arXiv 2004.01888).
    """
    apart = np.maximum(1 - embeddings.dot(others.T), 0)
    costs = (1 - MOTION_SHARE) * apart + MOTION_SHARE * motion
    return np.where(motion > kalman.GATE, np.inf, costs)
