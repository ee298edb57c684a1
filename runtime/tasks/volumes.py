"""The expectation of a softmax over volumes of which a part changes from frame to frame."""

import numpy as np

NEAR = 2  # cells from a joint, on each axis, within which its probability counts for its score
MOST = 0.6  # of the columns: when more changed, all of them are added anew
# Weights are relative to the highest cell of the last time when all were added. How far their sum may have gone from
# there before they lose digits.
LEAST_SUM, MOST_SUM = 1e-20, 1e20


class Expectation:
    """`expectation(maps)` -> (float64 [J, 4], mean of the scores), for each joint its expected x, y and z as shares of
    the side, z from the middle, and the probability within NEAR cells of it.

    maps: float32 [1, J * D, D, D], for each joint D x D x D cells (depth, height, width), of the same memory or other.
    Over the depth of a column of cells the weights are added once; when it changed, again.
    """

    def __init__(self, joints, side):
        self._joints, self._side = joints, side
        columns = side * side
        self._seen = np.full((joints * side, columns), np.nan, np.float32)  # the frame before
        self._differs = np.empty(self._seen.shape, bool)
        self._weights = np.empty((side, columns), np.float32)  # of one joint: they stay in the cache
        self._sums = np.empty((joints, 2, columns), np.float32)  # over the depth: of the weights, of weight x depth
        cells = np.arange(side, dtype=np.float32)
        self._depths = np.stack([np.ones_like(cells), cells])
        y, x = np.divmod(np.arange(columns, dtype=np.float32), side)
        self._places = np.stack([np.ones_like(x), x, y], axis=1)
        self._highest = np.zeros(joints, np.float32)
        self._found = None

    def __call__(self, maps):
        cells = maps.reshape(self._seen.shape)
        np.not_equal(cells, self._seen, out=self._differs)
        changed = np.flatnonzero(self._differs.any(axis=0))
        if len(changed) == 0:
            return self._found
        with np.errstate(over="ignore", invalid="ignore"):  # where that stays there is nobody
            if self._found is None or len(changed) > MOST * cells.shape[1] or not self._add(cells, changed):
                self._add_all(cells)
            self._found = self._expected(cells)
        np.copyto(self._seen, cells)
        return self._found

    def _add_all(self, cells):
        volumes = cells.reshape(self._joints, self._side, -1)
        self._highest = volumes.max(axis=(1, 2))
        for volume, highest, sums in zip(volumes, self._highest, self._sums):
            np.subtract(volume, highest, out=self._weights)
            np.exp(self._weights, out=self._weights)
            np.matmul(self._depths, self._weights, out=sums)

    def _add(self, cells, columns):
        """-> are the sums still good ones?"""
        weights = np.take(cells, columns, axis=1).reshape(self._joints, self._side, -1)
        np.subtract(weights, self._highest[:, None, None], out=weights)
        np.exp(weights, out=weights)
        self._sums[:, :, columns] = np.matmul(self._depths, weights)
        total = self._sums[:, 0].sum(axis=1)
        return bool(np.all((total > LEAST_SUM) & (total < MOST_SUM)))

    def _expected(self, cells):
        sums = np.matmul(self._sums[:, 0], self._places)
        total = sums[:, :1].astype(np.float64)
        places = np.concatenate([sums[:, 1:], self._sums[:, 1].sum(axis=1)[:, None]], axis=1) / total
        score = self._near(cells, np.rint(np.nan_to_num(places)).astype(int)) / total[:, 0]
        places /= self._side
        places[:, 2] -= 0.5
        return np.concatenate([places, score[:, None]], axis=1), float(score.mean())

    def _near(self, cells, places):
        """places: int [J, 3] -> float32 [J], the weights of the cells around them."""
        around = places[:, :, None] + np.arange(-NEAR, NEAR + 1)
        inside = (around >= 0) & (around < self._side)
        joint = np.arange(self._joints).reshape(-1, 1, 1, 1)
        x, y, z = _along(np.clip(around, 0, self._side - 1))
        index = ((joint * self._side + z) * self._side + y) * self._side + x
        weights = np.exp(cells.reshape(-1)[index] - self._highest[joint])
        across, down, deep = _along(inside)
        return (weights * (across & down & deep)).sum(axis=(1, 2, 3))


def _along(values):
    """[J, 3, n] -> those of x, y and z, each along an axis of its own of [J, depth, height, width]."""
    return values[:, 0, None, None, :], values[:, 1, None, :, None], values[:, 2, :, None, None]
