"""Masks as video has them: blobs of the size of people, and single patches scattered over the picture.

How many patches stand alone, and how far the others lie together, follows yolox_nano's own masks on four clips
(docs/measurements, "Masks of the sweep"); tests/benchmarks/test_masks.py holds the two against each other.
"""

import numpy as np

SCATTERED, SCATTERED_OF_ACTIVE = 0.003, 0.03  # shares of the picture and of what is active that are single patches
BLOB_HEIGHT, BLOB_WIDTH = (3, 7), (2, 3)  # least and most, in patches, where BLOB_SHARE is active
BLOB_SHARE, MOST_SHARE = 0.05, 0.1  # where more is, blobs are larger, up to the second: somebody is near


def clustered(grid, share, rng):
    """-> int32 `grid`, of which round(share * patches) are 1. `grid`: (rows, columns)."""
    mask = np.zeros(grid, np.int32)
    count = round(share * mask.size)
    blobs = count - min(count, round(SCATTERED * mask.size + SCATTERED_OF_ACTIVE * count))
    scale = np.sqrt(min(share, MOST_SHARE) / BLOB_SHARE)
    while (missing := blobs - int(mask.sum())) > 0:
        height, width = (max(1, round(scale * rng.uniform(*sides))) for sides in (BLOB_HEIGHT, BLOB_WIDTH))
        top, left = rng.integers(0, max(1, grid[0] - height + 1)), rng.integers(0, max(1, grid[1] - width + 1))
        blob = mask[top : top + height, left : left + width]
        rows, columns = (places[:missing] for places in np.nonzero(blob == 0))
        blob[rows, columns] = 1
    free = np.flatnonzero(mask == 0)
    mask.reshape(-1)[rng.choice(free, count - int(mask.sum()), replace=False)] = 1
    return mask


def structure(mask):
    """-> how its active patches lie: {"alone": share without an active neighbour of four, "run": how many lie in one
    run of a row, in the mean, "reach": patches within two of an active one, for each active one}."""
    active = mask != 0
    (height, width), padded = active.shape, np.pad(active, 2)

    def moved(down, right):
        return padded[2 + down : 2 + down + height, 2 + right : 2 + right + width]

    neighbours = moved(-1, 0) | moved(1, 0) | moved(0, -1) | moved(0, 1)
    around = np.logical_or.reduce([moved(down, right) for down in range(-2, 3) for right in range(-2, 3)])
    count = active.sum()
    return {
        "alone": (active & ~neighbours).sum() / count,
        "run": count / (active & ~moved(0, -1)).sum(),
        "reach": around.sum() / count,
    }
