"""Memory that is allocated once and used for every frame."""

import numpy as np

ALIGNMENT = 64


def aligned(shape, dtype):
    """-> uninitialised array that begins on a cache line."""
    return aligned_together([(shape, dtype)])[0]


def aligned_together(wanted):
    """[(shape, dtype)] -> uninitialised arrays in one piece of memory, each of which begins on a cache line.

    From 4 MB on numpy asks the system for huge pages, of which a frame that touches a little of everything needs few.
    """
    dtypes = [np.dtype(dtype) for _, dtype in wanted]
    sizes = [int(np.prod(shape, dtype=np.int64)) * dtype.itemsize for (shape, _), dtype in zip(wanted, dtypes)]
    raw = np.empty(sum(size + ALIGNMENT for size in sizes), np.uint8)
    arrays, start = [], 0
    for (shape, _), dtype, size in zip(wanted, dtypes, sizes):
        start += -(raw.ctypes.data + start) % ALIGNMENT
        arrays.append(raw[start : start + size].view(dtype).reshape(shape))
        start += size
    return arrays
