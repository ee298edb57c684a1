"""How far boxes lie over each other. A box is x1, y1, x2, y2; what a row has behind these is left aside."""

import numpy as np


def overlap(boxes, others):
    """-> intersection over union [n, m] of boxes [n, 4 or more] and [m, 4 or more]."""
    left, top, right, bottom = boxes.T[:4, :, None]
    x1, y1, x2, y2 = others.T[:4]
    shared = np.maximum(np.minimum(right, x2) - np.maximum(left, x1), 0)
    shared *= np.maximum(np.minimum(bottom, y2) - np.maximum(top, y1), 0)
    union = (right - left) * (bottom - top) + (x2 - x1) * (y2 - y1) - shared
    return shared / np.maximum(union, 1e-9)
