"""Masks as video has them: a few compact blobs the size of people, and single patches scattered over the picture."""

import numpy as np


def clustered(grid, share, rng):
    """-> int32 `grid`, of which round(share * patches) are 1: about half of them in blobs. `grid`: (rows, columns)."""
    mask = np.zeros(grid, np.int32)
    count = round(share * mask.size)
    while mask.sum() < count // 2:
        height, width = rng.integers(3, 8), rng.integers(2, 4)
        top, left = rng.integers(0, max(1, grid[0] - height + 1)), rng.integers(0, max(1, grid[1] - width + 1))
        mask[top : top + height, left : left + width] = 1
    flat = mask.reshape(-1)
    missing = count - int(flat.sum())
    pool = np.flatnonzero(flat == (0 if missing > 0 else 1))
    flat[rng.choice(pool, abs(missing), replace=False)] = int(missing > 0)
    return mask
