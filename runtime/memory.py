"""Memory that is allocated once and used for every frame."""

import numpy as np

ALIGNMENT = 64


def aligned(shape, dtype):
    """-> uninitialised array that begins on a cache line."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)
