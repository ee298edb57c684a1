"""The everyday rival of skipping: the dense network on every n-th frame only, and nothing new in between.

There tracks go where their Kalman filter predicts them, as with DeepStream's `interval` before a tracker; boxes and
joints stay where they were found. A network that skips is worth its trouble when it is faster than this at the same
accuracy.
"""

import time

import numpy as np

from patchskip.benchmarks import accuracy, joints, timing
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.run import STAGES, Pipeline

# What is compared, of the first of these that was measured.
TITLES = {
    "hota": accuracy.TITLES["hota"],
    "ap50": accuracy.TITLES["ap50"],
    "keypoints_within_5pct": f"keypoints within {joints.SHARE:.0%} of dense's",
}


def check(numbers, task):
    """Raise PatchskipError unless every n can be measured, and the task has something to hold."""
    for n in numbers:
        # The first frame of a block is not counted: with n of a block's length that would be every frame looked at.
        if not 2 <= n < timing.BLOCK:
            raise PatchskipError(f"--every-nth {n}: give numbers from 2 to {timing.BLOCK - 1}")
    if numbers and task == "none":
        raise PatchskipError("--every-nth needs boxes, tracks or joints to keep, and the task is none; leave it out")


class EveryNth:
    """Frame in, what is known of it out: as `patchskip.runtime.run.Pipeline`, of a dense model.

    looked: did the network see the last frame?
    """

    def __init__(self, model, task, n, **options):
        self.n, self.looked, self.times = n, False, {}
        self._pipeline = Pipeline(model, task, **options)
        self._coast = getattr(self._pipeline.task, "coast", lambda: self._found)
        self.reset()

    def __call__(self, frame):
        self.looked = self._index % self.n == 0
        self._index += 1
        if self.looked:
            self._found, self.times = self._pipeline(frame), self._pipeline.times
        else:
            start = time.perf_counter()
            self._found = self._coast()
            self.times = {**dict.fromkeys(STAGES, 0.0), "decode": time.perf_counter() - start}
        return self._found

    def reset(self):
        """The next frame is looked at."""
        self._index, self._found = 0, None


def mean_ms(n, total, counted):
    """-> mean time of a frame. total [frames] ms, of which every n-th, from the first, was looked at; counted
    [frames] bool. Each kind weighs what it weighs in a long clip, however many of it count here.
    """
    looked = np.arange(len(total)) % n == 0
    if not (looked & counted).any():
        raise PatchskipError(f"--every-nth {n} needs a clip of more than {n} frames, this one has {len(total)}")
    return float(total[looked & counted].mean() / n + total[~looked & counted].mean() * (n - 1) / n)


def summarise(numbers, times, found, result):
    """-> "every_nth" of the benchmark's JSON, whose other keys are in `result`: "rows", and where accuracy was measured
    "as_good", the fastest of dense on every frame (n is 1) and the rows that is no worse than skipping; None when all
    are worse.

    times: measure.Times of each n; found: measure.Quality.every_nth.
    """
    rows = []
    for n, record in zip(numbers, times):
        mean = mean_ms(n, record.total, record.counted)
        rows.append({"n": n, "mean_ms": mean, "speedup": result["dense"]["mean_ms"] / mean, "accuracy": found.get(n)})
    name = _compared(result)
    if name is None:
        return {"rows": rows}
    least = result["accuracy"]["skip"][name]
    good = [row for row in [_dense(result), *rows] if row["accuracy"][name] >= least]
    best = max(good, key=lambda row: row["speedup"], default=None)
    return {"rows": rows, "as_good": best and {"measure": name, "n": best["n"], "speedup": best["speedup"]}}


def table(result):
    """-> (names of the columns, rows of text): dense, each n, the skipping network. result: the benchmark's JSON."""
    every = _every(result)
    titles = {**accuracy.TITLES, **TITLES}
    shown = [name for name in titles if name in _measured(result, "skip")]
    rows = [
        [name, f"{row['mean_ms']:.3f}", f"{row['speedup']:.2f}x"] + [_value(row["accuracy"][key]) for key in shown]
        for name, row in every.items()
    ]
    return ["", "mean ms", "speedup"] + [titles[name] for name in shown], rows


def text(result):
    """-> lines of text."""
    columns, rows = table(result)
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    lines = [
        row[0].ljust(widths[0]) + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:]))
        for row in [columns, *rows]
    ]
    return [*lines, verdict(result)] if "as_good" in result["every_nth"] else lines


def verdict(result):
    """-> one sentence on who is faster at the same accuracy, which was measured."""
    best = result["every_nth"]["as_good"]
    if best is None:
        return "Dense is less accurate than skipping, on every frame or on fewer."
    how = f"every frame of {best['n']}" if best["n"] > 1 else "every frame"
    return (
        f"The fastest dense that is no worse in {TITLES[best['measure']]} sees {how}: {best['speedup']:.2f}x, "
        f"where skipping has {result['speedup']:.2f}x."
    )


def curve(result):
    """-> (what is compared, [(speedup, value, name)] of dense and each n, that of the skipping network); None where
    accuracy was not measured.
    """
    measure = _compared(result)
    if measure is None:
        return None
    points = [(row["speedup"], row["accuracy"][measure], name) for name, row in _every(result).items()]
    return TITLES[measure], points[:-1], points[-1]


def _every(result):
    """-> {name: row of dense, of each n, and of the skipping network}."""
    skip = {"mean_ms": result["skip"]["mean_ms"], "speedup": result["speedup"], "accuracy": _measured(result, "skip")}
    rows = {f"every {row['n']}": row for row in result["every_nth"]["rows"]}
    return {"dense": _dense(result), **rows, "skip": skip}


def _dense(result):
    itself = {"keypoints_within_5pct": 1.0}  # of dense's joints
    values = {**itself, **_measured(result, "dense")}
    return {"n": 1, "mean_ms": result["dense"]["mean_ms"], "speedup": 1.0, "accuracy": values}


def _measured(result, kind):
    return result.get("accuracy", {}).get(kind, {})


def _compared(result):
    """-> the first of TITLES that was measured, on a clip that has somebody in it; or None."""
    values = _measured(result, "skip")
    return next((name for name in TITLES if np.isfinite(values.get(name, np.nan))), None)


def _value(value):
    return str(value) if isinstance(value, int) else f"{value:.4f}"
