"""Where a box will be: a Kalman filter of constant velocity, over all tracks at once.

The state is that of SORT's successors (Wojke et al., DeepSORT, arXiv 1703.07402): centre x and y, aspect ratio (width
over height), height, and how much each changes in a frame. Uncertainty is a share of the height. A velocity may change
by twice their share, as videos of few frames a second need. Kept as means [n, 8] and covariances [n, 8, 8]; a
measurement is [n, 4].
"""

import numpy as np

POSITION, VELOCITY = 1 / 20.0, 1 / 80.0  # standard deviations, in heights
ASPECT, ASPECT_CHANGE, ASPECT_MEASURED = 1e-2, 1e-5, 1e-1  # of the aspect ratio, which has no unit
GATE = 9.4877  # the squared Mahalanobis distance of four values that 95 % of measurements stay within
_MOTION = np.eye(8) + np.eye(8, k=4)


def start(measured):
    """-> (means, covariances) of tracks seen once, at rest."""
    height = measured[:, 3]
    means = np.concatenate([measured, np.zeros_like(measured)], axis=1)
    position, velocity = 2 * POSITION * height, 10 * VELOCITY * height
    return means, _diagonal(height, position, velocity)


def predict(means, covariances):
    """-> (means, covariances) one frame later."""
    noise = _diagonal(means[:, 3], POSITION * means[:, 3], VELOCITY * means[:, 3])
    return means.dot(_MOTION.T), np.matmul(np.matmul(_MOTION, covariances), _MOTION.T) + noise


def update(means, covariances, measured):
    """-> (means, covariances) after a measurement of each."""
    projected = _projected(means, covariances)
    gain = np.linalg.solve(projected, covariances[:, :4])  # transposed, as both are symmetric
    means = means + np.einsum("nij,ni->nj", gain, measured - means[:, :4])
    covariances = covariances - np.matmul(np.swapaxes(gain, 1, 2), np.matmul(projected, gain))
    return means, (covariances + np.swapaxes(covariances, 1, 2)) / 2


def distance(means, covariances, measured):
    """-> squared Mahalanobis distances [n, m] of n tracks and m measurements; see GATE."""
    apart = measured[None] - means[:, None, :4]
    whitened = np.linalg.solve(np.linalg.cholesky(_projected(means, covariances)), np.swapaxes(apart, 1, 2))
    return np.square(whitened).sum(axis=1)


def _projected(means, covariances):
    """The uncertainty of a measurement: that of the track and that of the detector."""
    position = POSITION * means[:, 3]
    deviation = np.stack([position, position, np.full_like(position, ASPECT_MEASURED), position], axis=1)
    return covariances[:, :4, :4] + np.eye(4) * np.square(deviation)[:, None]


def _diagonal(height, position, velocity):
    aspect, change = np.full_like(height, ASPECT), np.full_like(height, ASPECT_CHANGE)
    deviation = [position, position, aspect, position, velocity, velocity, change, velocity]
    return np.eye(8) * np.square(np.stack(deviation, axis=1))[:, None]
