"""How far boxes lie over each other. A box is x1, y1, x2, y2; what a row has behind these is left aside."""

import numpy as np


def shared_length(low, high, lows, highs):
    """-> what two stretches share, of ends that numpy broadcasts against each other: 0 where they lie apart."""
    shared = np.minimum(high, highs)
    shared -= np.maximum(low, lows)
    return np.maximum(shared, 0, out=shared)


def overlap(boxes, others):
    """-> intersection over union [n, m] of boxes [n, 4 or more] and [m, 4 or more]."""
    left, top, right, bottom = boxes.T[:4, :, None]
    x1, y1, x2, y2 = others.T[:4]
    shared = shared_length(left, right, x1, x2)
    shared *= shared_length(top, bottom, y1, y2)
    union = (right - left) * (bottom - top) + (x2 - x1) * (y2 - y1) - shared
    return shared / np.maximum(union, 1e-9)
