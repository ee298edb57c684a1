"""How far the joints that one network finds are from those of another."""

import numpy as np

SHARE = 0.05  # of the longer side of the box around the person's joints
LEAST = 0.2  # score from which a joint of the other network counts


def within(found, expected):
    """Of one frame, people [n, J, 4], n being 0 or 1 -> bool [joints that count]: found, and no further than SHARE
    from where expected?
    """
    if not len(expected):
        return np.zeros(0, bool)
    counts = expected[0, :, 3] >= LEAST
    places = expected[0, counts, :2]
    if not len(found) or not len(places):
        return np.zeros(len(places), bool)
    distance = np.linalg.norm(found[0, counts, :2] - places, axis=1)
    return distance <= SHARE * (places.max(axis=0) - places.min(axis=0)).max()


def share_within(found, expected):
    """Of a clip, for each frame people -> share of the joints expected, or None when there are none."""
    near = np.concatenate([within(*people) for people in zip(found, expected)])
    return float(near.mean()) if len(near) else None
