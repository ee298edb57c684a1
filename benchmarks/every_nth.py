"""Every n-th frame only, and nothing new in between: the dense network so is the everyday rival of skipping.

A network that skips is worth its trouble when it is faster than that at the same accuracy. It can itself see every n-th
frame only, which then is measured beside.
"""

import numpy as np

from patchskip.benchmarks import accuracy, joints
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.pipeline import STAGES

# What is compared, of the first of these that was measured.
TITLES = {
    "hota": accuracy.TITLES["hota"],
    "ap50": accuracy.TITLES["ap50"],
    "keypoints_within_5pct": f"keypoints within {joints.SHARE:.0%} of dense's",
}


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
    "as_good", the fastest of dense on every frame (n is 1) and dense's rows that is no worse than skipping; None when
    all are worse.

    A row is dense's, and has the skipping network's under "skip". times: {"dense": [measure.Times of each n], "skip":
    same}; found: measure.Quality.every_nth.
    """
    rows = []
    for index, n in enumerate(numbers):
        row, skip = (_row(n, times[kind][index], result["dense"], found[kind].get(n)) for kind in ("dense", "skip"))
        rows.append({"n": n, **row, "skip": skip})
    name = _compared(result)
    if name is None:
        return {"rows": rows}
    least = result["accuracy"]["skip"][name]
    good = [row for row in [_dense(result), *rows] if row["accuracy"][name] >= least]
    best = max(good, key=lambda row: row["speedup"], default=None)
    return {"rows": rows, "as_good": best and {"measure": name, "n": best["n"], "speedup": best["speedup"]}}


def _row(n, record, dense, values):
    mean = mean_ms(n, record.total, record.counted)
    inference = mean_ms(n, record.stages[:, STAGES.index("inference")], record.counted)
    return {
        "mean_ms": mean,
        "speedup": dense["mean_ms"] / mean,
        "inference_speedup": dense["stages"]["inference"]["mean_ms"] / inference,
        "accuracy": values,
    }


def table(result):
    """-> (names of the columns, rows of text): dense, each n, the skipping network, each n. result: the benchmark's
    JSON.
    """
    every = {**_every(result, "dense"), **_every(result, "skip")}
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


def curves(result):
    """-> (what is compared, {"dense": [(speedup, value, name)] of every frame and each n, "skip": same}); None where
    accuracy was not measured.
    """
    measure = _compared(result)
    if measure is None:
        return None
    lines = {
        kind: [(row["speedup"], row["accuracy"][measure], name) for name, row in _every(result, kind).items()]
        for kind in ("dense", "skip")
    }
    return TITLES[measure], lines


def _every(result, kind):
    """-> {name: row} of the dense or the skipping network, on every frame and on each n."""
    rows = result["every_nth"]["rows"]
    if kind == "dense":
        return {"dense": _dense(result), **{f"every {row['n']}": row for row in rows}}
    skip = {"mean_ms": result["skip"]["mean_ms"], "speedup": result["speedup"], "accuracy": _measured(result, "skip")}
    return {"skip": skip, **{f"skip every {row['n']}": row["skip"] for row in rows}}


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
