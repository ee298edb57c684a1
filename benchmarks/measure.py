"""What `patchskip benchmark` measures: the time of every stage of every frame, then what the results are worth."""

import time

import numpy as np

from patchskip.benchmarks import accuracy, joints, timing
from patchskip.benchmarks.dense import difference
from patchskip.runtime.every_nth import EveryNth
from patchskip.runtime.pipeline import STAGES, Pipeline

KINDS = ("dense", "skip")
WARM_UP = 5  # frames, before a reset, so that the first frame measured finds its memory and code in place


class Times:
    """Milliseconds of every frame: stages [frames, 3] as STAGES, total [frames] end to end, counted bool [frames]."""

    def __init__(self):
        self._stages, self._total, self._counted = [], [], []

    def add(self, stages, total, counted):
        self._stages.append([1e3 * stages[name] for name in STAGES])
        self._total.append(1e3 * total)
        self._counted.append(counted)

    stages = property(lambda self: np.array(self._stages))
    total = property(lambda self: np.array(self._total))
    counted = property(lambda self: np.array(self._counted, bool))

    def summary(self):
        """Mean and percentiles, end to end and for each stage, over the frames that count."""
        result = timing.summary(self.total[self.counted])
        stages = self.stages[self.counted].T
        return {**result, "stages": {name: timing.summary(ms) for name, ms in zip(STAGES, stages)}}


def frames_of(source, limit=None):
    for index, frame in enumerate(source):
        if index == limit:
            return
        yield frame


def frame_count(source, limit=None):
    """-> how many frames `frames_of` gives, or None when it is not known."""
    return min((n for n in (source.count, limit) if n), default=None)


def measure_times(dense, skip, source, task, limit, progress, options=None, every_nth=(), anew=None):
    """Run all over the source in alternating blocks. -> (Times of dense and skip on every frame, {"dense": [Times of
    each n of every_nth], "skip": same}). Every frame goes through each. options: of the task; anew: `refresh` and
    `revisit` of the skipping network's streams.
    """
    options = options or {}
    kinds = (dense, options), (skip, {**options, **(anew or {})})
    every = [EveryNth(Pipeline(model, task, **given), n) for n in (1, *every_nth) for model, given in kinds]
    times = [Times() for _ in every]
    for frame in frames_of(source, WARM_UP):
        for pipeline in every:
            pipeline(frame)
    for pipeline in every:
        pipeline.reset()
    done = 0
    for turn, block in enumerate(timing.blocks(frames_of(source, limit))):
        for pipeline, record in timing.alternating(list(zip(every, times)), turn):
            timing.rest()
            for index, frame in enumerate(block):
                start = time.perf_counter()
                pipeline(frame)
                total = time.perf_counter() - start
                record.add(pipeline.times, total, index >= timing.DROPPED)
        done += len(block)
        progress.update(done)
    return times[:2], {"dense": times[2::2], "skip": times[3::2]}


class Quality:
    """Of one untimed pass over the clip.

    active   [frames] share of the MACs made in each frame
    layers   [{"name", "op_type", "macs", "active"}], active the mean over all frames but the first
    errors   [frames] largest difference of an output over the dense output's largest magnitude
    masks    [frames] (bool [Gh, Gw], side, scale, origin) of the image patches recomputed, as sinks.shade takes them
    boxes    [frames] what the patch-skipping network found, as Pipeline returns it
    revisit  frames in which boxes are revisited, 0 for never
    classes  number of classes it tells apart, or None
    skeleton  of the task `pose`, or None
    keypoints_within_5pct  share of dense's joints that are found near, or None without the task `pose`
    accuracy {"dense": {"ap50"} or tracking's measures, "skip": same}; empty without ground truth
    every_nth {"dense": {n: measures on every n-th frame, named as in the benchmark's "accuracy"}, "skip": same}
    """

    revisit = 0
    skeleton = None
    keypoints_within_5pct = None

    def __init__(self, active, layers, errors, masks, boxes, classes, accuracy):
        self.active, self.layers, self.errors = active, layers, errors
        self.masks, self.boxes, self.classes, self.accuracy = masks, boxes, classes, accuracy
        self.every_nth: dict = {kind: {} for kind in KINDS}


def measure_quality(dense, skip, source, task, truth, limit, progress, options=None, every_nth=(), anew=None):
    """All over the source -> Quality. truth: accuracy.GroundTruth, or None. options, anew: as above."""
    options = dict(options or {})
    if truth:
        options["classes"] = [accuracy.PERSON]
    if truth and task == "detect":
        options.update(conf=accuracy.CONFIDENCE, nms=accuracy.NMS)
    kinds = (dense, options), (skip, {**options, **(anew or {})})
    pipelines = [Pipeline(model, task, **given) for model, given in kinds]
    held = {
        (kind, n): EveryNth(Pipeline(model, task, **given), n)
        for kind, (model, given) in zip(KINDS, kinds)
        for n in every_nth
    }
    found: tuple = ([], [])
    known: dict = {key: [] for key in held}
    truths, active, errors, shares, masks = [], [], [], [], []
    for index, frame in enumerate(frames_of(source, limit)):
        outputs = []
        for pipeline, boxes in zip(pipelines, found):
            boxes.append(pipeline(frame))
            outputs.append(pipeline.outputs)
        for key, every in held.items():
            known[key].append(every(frame))
        errors.append(max(difference(outputs[1][name], value)[1] for name, value in outputs[0].items()))
        stream = pipelines[1].stream
        stats = stream.stats
        active.append(stats["active_macs"])
        shares.append([layer["active"] for layer in stats["layers"]])
        mask, side = stream.image_mask()
        masks.append((mask.copy(), side, pipelines[1].preprocess.scale, pipelines[1].origin))
        if truth:
            truths.append(truth.persons(source, index, frame))
        progress.update(index + 1)
    mean = np.mean(shares[1:] or shares, axis=0)
    layers = [{**layer, "active": float(share)} for layer, share in zip(stats["layers"], mean)]
    values = {kind: _accuracy(task, boxes, truths) for kind, boxes in zip(KINDS, found)} if truth else {}
    classes = getattr(pipelines[1].task, "count", None)
    quality = Quality(np.array(active), layers, np.array(errors), masks, found[1], classes, values)
    quality.revisit = pipelines[1].revisit
    if task == "pose":
        quality.skeleton = pipelines[1].task.skeleton
        quality.keypoints_within_5pct = joints.share_within(found[1], found[0])
    for (kind, n), results in known.items():
        if truth:
            quality.every_nth[kind][n] = _accuracy(task, results, truths)
        elif quality.keypoints_within_5pct is not None:
            quality.every_nth[kind][n] = {"keypoints_within_5pct": joints.share_within(results, found[0])}
    return quality


def _accuracy(task, found, truths):
    """found: for each frame boxes or tracks; truths: for each frame (ids, boxes). -> {name: value}."""
    if task == "track":
        from patchskip.benchmarks import tracking

        return tracking.measure(found, truths)
    return {"ap50": accuracy.average_precision(found, [boxes for _, boxes in truths])}
