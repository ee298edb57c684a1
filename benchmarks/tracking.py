"""What tracks are worth against ground truth: HOTA, and from py-motmetrics MOTA, IDF1 and the number of ID switches.

HOTA is Luiten et al.'s (IJCV 2021, arXiv 2009.07736), computed here: TrackEval, which has it, needs an OpenCV that does
not go with ours. At each of 19 thresholds of IoU it is the geometric mean of how well persons are found (DetA) and how
well those found keep their identity (AssA); then the mean over the thresholds. The other three match at an IoU of 0.5.
"""

import numpy as np

from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.tasks import association
from patchskip.runtime.tasks.boxes import overlap

THRESHOLDS = np.arange(1, 20) / 20
IOU = 0.5  # of MOTA, IDF1 and ID switches
METRICS = {"mota": "mota", "idf1": "idf1", "id_switches": "num_switches"}  # ours: motmetrics'


def library():
    """-> motmetrics. Raises PatchskipError when it is not installed."""
    try:
        import motmetrics
    except ImportError as error:
        raise PatchskipError(
            f"measuring tracks needs motmetrics, which cannot be imported ({error}); pip install 'patchskip[track]'"
        ) from error
    return motmetrics


def measure(tracks, truths):
    """-> {"hota", "mota", "idf1" (1 is perfect), "id_switches"}.

    tracks: for each frame [n, 7] x1 y1 x2 y2 score class id; truths: for each frame (ids [m], boxes [m, 4]).
    """
    motmetrics = library()
    record = motmetrics.MOTAccumulator(auto_id=True)
    frames = []
    for found, (ids, boxes) in zip(tracks, truths):
        shared = overlap(boxes.astype(np.float64), found[:, :4].astype(np.float64))
        frames.append((ids.astype(int), found[:, 6].astype(int), shared))
        record.update(frames[-1][0], frames[-1][1], np.where(shared >= IOU, 1 - shared, np.nan))
    row = motmetrics.metrics.create().compute(record, metrics=list(METRICS.values()), name="all").loc["all"]
    result = {ours: float(row[theirs]) for ours, theirs in METRICS.items()}
    return {"hota": hota(frames), **result, "id_switches": int(result["id_switches"])}


def hota(frames):
    """frames: for each (true ids [m], ids of tracks [n], IoU [m, n]) -> HOTA in 0..1, NaN without any truth."""
    true_ids, true_frames = _counted([frame[0] for frame in frames])
    ids, id_frames = _counted([frame[1] for frame in frames])
    if not len(true_ids):
        return float("nan")
    frames = [(np.searchsorted(true_ids, rows), np.searchsorted(ids, columns), iou) for rows, columns, iou in frames]
    alike = _alike(frames, true_frames, id_frames)
    matches = np.zeros((len(THRESHOLDS), len(true_ids), len(ids)))
    for rows, columns, iou in frames:
        worth = iou * alike[np.ix_(rows, columns)]
        matched, found = association.solver()(-worth)
        for level, least in enumerate(THRESHOLDS):
            good = iou[matched, found] >= least - 1e-9
            matches[level, rows[matched[good]], columns[found[good]]] += 1
    hits = matches.sum(axis=(1, 2))
    # Of a pair that was matched c times: c of all the frames in which one or the other is there.
    either = true_frames[:, None] + id_frames[None] - matches
    associated = (matches * matches / np.maximum(either, 1)).sum(axis=(1, 2)) / np.maximum(hits, 1)
    detected = hits / (true_frames.sum() + id_frames.sum() - hits)
    return float(np.sqrt(detected * associated).mean())


def _counted(ids):
    """-> (the ids that occur, in how many frames each does)."""
    return np.unique(np.concatenate([*ids, np.zeros(0, int)]), return_counts=True)


def _alike(frames, true_frames, id_frames):
    """-> [true ids, ids]: how well two go together over the whole clip, by which each frame is matched."""
    together = np.zeros((len(true_frames), len(id_frames)))
    for rows, columns, iou in frames:
        union = iou.sum(axis=0)[None] + iou.sum(axis=1)[:, None] - iou
        together[np.ix_(rows, columns)] += np.where(union > 0, iou / np.maximum(union, 1e-12), 0)
    return together / np.maximum(true_frames[:, None] + id_frames[None] - together, 1e-12)
