"""Detections of single frames become tracks: persons with a number that stays theirs.

Two stages, as ByteTrack's (Zhang et al., arXiv 2110.06864): first the detections one can rely on, by overlap with where
each track should be now, and half by appearance where a network gives it; then what is left, the doubtful ones too, by
overlap with the tracks of the last frame. Whoever is hidden for a while is remembered for BUFFER frames.
"""

import numpy as np

from . import association, kalman
from .boxes import overlap

BUFFER = 30  # frames a track is remembered without being seen
FIRST, SECOND, UNCONFIRMED = 0.8, 0.5, 0.7  # limits of 1 - IoU
# Of a box's width and height, added on each side before boxes are compared: who moved by more than the own width since
# the last look is still met (Yang et al., C-BIoU, arXiv 2211.14317).
MARGIN = 0.3
APPEARANCE = 0.4  # limit of the cost of association.appearance where boxes do not meet; where they are one, twice that
KEPT = 0.9  # of a track's embedding when it is seen again
TWINS = 0.15  # two tracks closer than that in 1 - IoU are one person


class Tracker:
    """`tracker(boxes, scores, classes, embeddings=None)` -> float32 [n, 7], the tracks seen in this frame, by id:
    x1, y1, x2, y2, score, class, id. Ids count from 1 in the order of confirmation.

    boxes [n, 4]; scores [n]; classes [n]: only equals are associated; embeddings [n, c], of unit length.
    conf: the score from which a detection is relied on. start: the score from which it may begin a track, which the
    next frame must confirm. `tracker.coast()` is for a frame in which nobody looked.
    """

    def __init__(self, conf, start):
        association.solver()  # says at the start what is missing
        self._conf, self._begin, self._frame, self._last_id = conf, start, 0, 0
        self._looked = 0  # number of the last frame with detections, be they none
        self._tracks = []  # by age

    def __call__(self, boxes, scores, classes, embeddings=None):
        self._frame += 1
        found = _Found(boxes.astype(np.float64), scores, classes, embeddings)
        self._predict()
        before, self._looked = self._looked, self._frame
        sure, every = scores >= self._conf, np.ones(len(scores), bool)
        confirmed = [track for track in self._tracks if track.id]
        new = [track for track in self._tracks if not track.id]
        if embeddings is None:
            self._associate(confirmed, found, sure, _overlaps, FIRST)
        else:
            self._associate(confirmed, found, sure, _likenesses, 1)
        self._associate([t for t in confirmed if t.seen == before], found, every, _overlaps, SECOND)
        self._associate(new, found, sure, _overlaps, UNCONFIRMED)
        self._tracks = [t for t in self._tracks if t.seen > self._frame - (BUFFER + 1 if t.id else 1)]
        self._forget_twins()
        self._start(found, np.flatnonzero(found.free & (scores >= self._begin)))
        return self._seen()

    def coast(self):
        """-> the tracks seen in the last frame with detections, where they should be one frame later."""
        self._frame += 1
        self._predict()
        return self._seen()

    def shift(self, dx, dy):
        """The whole picture moved: so do the tracks."""
        for track in self._tracks:
            track.mean[:2] += dx, dy

    def _seen(self):
        seen = sorted((t for t in self._tracks if t.id and t.seen == self._looked), key=lambda track: track.id)
        rows = [np.concatenate([_corners(t.mean[None])[0], [t.score, t.kind, t.id]]) for t in seen]
        return np.array(rows, np.float32).reshape(-1, 7)

    def _predict(self):
        if not self._tracks:
            return
        means, covariances = _states(self._tracks)
        hidden = np.array([track.seen < self._looked for track in self._tracks])
        means[hidden, 7] = 0  # nobody grows while hidden
        for track, mean, covariance in zip(self._tracks, *kalman.predict(means, covariances)):
            track.mean, track.covariance = mean, covariance

    def _associate(self, tracks, found, usable, cost, limit):
        """Give each of the tracks the detection that fits; found.free says what is left."""
        tracks = [track for track in tracks if track.seen < self._frame]
        chosen = np.flatnonzero(found.free & usable)
        if not tracks or not len(chosen):
            return
        kinds = np.array([track.kind for track in tracks])
        costs = np.where(kinds[:, None] == found.kinds[chosen], cost(tracks, found, chosen), np.inf)
        rows, columns = association.assign(costs, limit)
        if not len(rows):
            return
        matched, chosen = [tracks[row] for row in rows], chosen[columns]
        states = kalman.update(*(_states(matched) + (found.measured[chosen],)))
        for track, index, mean, covariance in zip(matched, chosen, *states):
            track.mean, track.covariance = mean, covariance
            track.see(found, index, self._frame)
            if not track.id:
                self._last_id += 1
                track.id = self._last_id
        found.free[chosen] = False

    def _start(self, found, chosen):
        for index, mean, covariance in zip(chosen, *kalman.start(found.measured[chosen])):
            track = _Track(mean, covariance)
            track.see(found, index, self._frame)
            self._tracks.append(track)

    def _forget_twins(self):
        """Of a track that is seen and a hidden one in the same place, the shorter goes."""
        seen = [t for t in self._tracks if t.id and t.seen == self._frame]
        hidden = [t for t in self._tracks if t.id and t.seen < self._frame]
        if not seen or not hidden:
            return
        costs = 1 - overlap(_boxes(seen), _boxes(hidden))
        for row, column in np.argwhere(costs < TWINS):
            pair = seen[row], hidden[column]
            if pair[0].kind == pair[1].kind:
                pair[0 if pair[0].length < pair[1].length else 1].seen = -BUFFER
        self._tracks = [t for t in self._tracks if t.seen > 0]


class _Track:
    """id 0: not confirmed yet. seen: number of the frame that saw it last. length: how many frames did."""

    def __init__(self, mean, covariance):
        self.mean, self.covariance = mean, covariance
        self.id, self.length, self.embedding = 0, 0, None

    def see(self, found, index, frame):
        self.seen, self.length = frame, self.length + 1
        self.score, self.kind = found.scores[index], found.kinds[index]
        if found.embeddings is not None:
            new = found.embeddings[index]
            mixed = new if self.embedding is None else KEPT * self.embedding + (1 - KEPT) * new
            self.embedding = mixed / max(np.linalg.norm(mixed), 1e-12)


class _Found:
    """The detections of a frame. free: not given to a track yet. measured: as kalman takes them."""

    def __init__(self, boxes, scores, kinds, embeddings):
        self.boxes, self.scores, self.kinds, self.embeddings = boxes, scores, kinds, embeddings
        self.free = np.ones(len(boxes), bool)
        size = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3)
        self.measured = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, size[:, :1] / size[:, 1:], size[:, 1:]], 1)


def _overlaps(tracks, found, chosen):
    return 1 - overlap(_widened(_boxes(tracks)), _widened(found.boxes[chosen]))


def _widened(boxes):
    margin = MARGIN * (boxes[:, 2:] - boxes[:, :2])
    return np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)


def _likenesses(tracks, found, chosen):
    motion = kalman.distance(*(_states(tracks) + (found.measured[chosen],)))
    embeddings = np.array([track.embedding for track in tracks])
    apart = association.appearance(embeddings, found.embeddings[chosen], motion) / APPEARANCE
    return (apart + _overlaps(tracks, found, chosen)) / 2


def _states(tracks):
    return np.array([track.mean for track in tracks]), np.array([track.covariance for track in tracks])


def _boxes(tracks):
    return _corners(np.array([track.mean for track in tracks]))


def _corners(means):
    """[n, 8] -> boxes [n, 4] x1, y1, x2, y2."""
    half = np.stack([means[:, 2] * means[:, 3], means[:, 3]], axis=1) / 2
    return np.concatenate([means[:, :2] - half, means[:, :2] + half], axis=1)
