"""Accuracy against active MACs of exported models, each with its thresholds scaled by common factors.

    python -m patchskip.benchmarks.frontier plain=a.patchskip.onnx trained=b.patchskip.onnx --source VIDEO --gt GT.txt
        --part 0.5 1 --factors 0.7 1 1.4 --json FILE --plot FILE.svg

Nothing is timed: that is `patchskip benchmark`. AP50 is the benchmark's (accuracy.py), of the boxes of persons. Without
ground truth the dense network's boxes of all classes are the truth, those above a score of .3 (calibration's fidelity).
The dense results are those of the first model after reset(), a full recomputation by the same kernels.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile

import numpy as np
import onnx

import patchskip
from patchskip.benchmarks import accuracy, plots
from patchskip.benchmarks.named import named
from patchskip.export.calibration import fidelity
from patchskip.export.calibration.settings import Gates
from patchskip.export.command import save
from patchskip.runtime.errors import PatchskipError, exit_status
from patchskip.runtime.files import atomic_json, atomic_text, check_targets
from patchskip.runtime.pipeline import Pipeline
from patchskip.runtime.progress import Progress
from patchskip.runtime.sources import open_source

LOST = 0.005  # of AP50: the table says at which active MACs a frontier loses no more


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m patchskip.benchmarks.frontier", description="Accuracy against active MACs of exported models."
    )
    parser.add_argument("models", nargs="+", metavar="NAME=MODEL", help="what `patchskip export --gate delta` wrote")
    parser.add_argument("--source", required=True, metavar="VIDEO")
    parser.add_argument(
        "--gt", metavar="FILE", help="boxes in the MOT challenge's format (default: the dense network's)"
    )
    parser.add_argument("--part", nargs=2, type=float, default=(0.0, 1.0), metavar=("FROM", "TO"), help="of the source")
    parser.add_argument("--factors", nargs="+", type=float, default=[1.0], metavar="F", help="of all thresholds")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--plot", metavar="FILE.svg")
    args = parser.parse_args(argv)
    return exit_status(_run, args)


def _run(args: argparse.Namespace) -> int:
    models = named(args.models)
    check_targets([args.json, args.plot], [*models.values(), args.source, args.gt])
    result = measure(list(models.items()), args.source, args.gt, tuple(args.part), args.factors, args.threads)
    print(table(result))
    if args.json:
        atomic_json(args.json, result)
    if args.plot:
        with atomic_text(args.plot) as file:
            file.write(plot(result))
    return 0


def measure(
    models, source: str, truth: str | None, part: tuple[float, float], factors, threads: int | None = None
) -> dict:
    """models: [(name, path)] -> {"source", "frames": [first, last + 1], "dense_ap50", "models": {name: [{"factor",
    "active_macs", "ap50"}]}}. active_macs: mean of all frames of the part but its first.
    """
    frames, truths, first = _read(source, truth, part)
    boxes = fidelity.Boxes(["person"] if truth else None)
    result: dict = {"source": os.path.basename(source), "frames": [first, first + len(frames)], "models": {}}
    with (
        tempfile.TemporaryDirectory(prefix="patchskip-frontier-") as folder,
        Progress("frontier", len(models) * len(factors) + 1) as progress,
    ):
        dense, _ = _stream(models[0][1], frames, threads, boxes, dense=True)
        if truths is None:
            truths = boxes.expected(dense)
            if boxes.empty(truths):
                raise PatchskipError(f"{boxes.nothing} in {source}; give a clip that shows what it looks for")
        result["dense_ap50"] = accuracy.average_precision(dense, truths)
        for number, (name, path) in enumerate(models):
            gates = Gates(onnx.load(path), path)
            points = []
            for turn, factor in enumerate(factors):
                progress.update(number * len(factors) + turn + 1, f"{name} x {factor:g}")
                scaled = os.path.join(folder, "scaled.patchskip.onnx")
                save(gates.model(gates.scaled(factor)), scaled)
                found, active = _stream(scaled, frames, threads, boxes)
                ap50 = accuracy.average_precision(found, truths)
                points.append({"factor": factor, "active_macs": float(np.mean(active[1:])), "ap50": ap50})
            result["models"][name] = points
    return result


def _read(source: str, truth: str | None, part: tuple[float, float]):
    clip = open_source(source)
    frames = list(clip)
    first, last = (round(share * len(frames)) for share in part)
    if last - first < 2:
        raise PatchskipError(f"{source} has {last - first} frames from {part[0]} to {part[1]}; give 2 or more")
    if truth is None:
        return frames[first:last], None, first
    boxes = accuracy.GroundTruth(truth)
    accuracy.require_persons(boxes, clip, range(first, last))
    truths = [boxes.persons(clip, index, frames[index])[1] for index in range(first, last)]
    return frames[first:last], truths, first


def _stream(path: str, frames, threads: int | None, boxes: fidelity.Boxes, dense: bool = False):
    pipeline = Pipeline(patchskip.load(path, threads), boxes.task, **boxes.options)
    found, active = [], []
    for frame in frames:
        if dense:
            pipeline.stream.reset()
        found.append(boxes.result(pipeline(frame), pipeline.outputs))
        active.append(pipeline.stream.stats["active_macs"])
    return found, active


def cost_at(points: list[dict], ap50: float) -> float | None:
    """The least share of the MACs at which the frontier reaches an accuracy, in between two points by the straight
    line; None when it does not.
    """
    ordered = sorted(points, key=lambda point: point["active_macs"])
    best = [point["active_macs"] for point in ordered if point["ap50"] >= ap50][:1]
    for low, high in zip(ordered, ordered[1:]):
        if low["ap50"] < ap50 <= high["ap50"]:
            share = (ap50 - low["ap50"]) / (high["ap50"] - low["ap50"])
            best.append(low["active_macs"] + share * (high["active_macs"] - low["active_macs"]))
    return min(best) if best else None


def table(result: dict) -> str:
    first, end = result["frames"]
    lines = [
        f"{result['source']}, frames {first} to {end - 1}: dense AP50 {result['dense_ap50']:.4f}",
        "",
        "| gates | factor | active MACs | AP50 |",
        "|---|---|---|---|",
    ]
    for name, points in result["models"].items():
        lines += [f"| {name} | {p['factor']:g} | {p['active_macs']:.2%} | {p['ap50']:.4f} |" for p in points]
    wanted = result["dense_ap50"] - LOST
    lines += ["", f"Active MACs at the dense AP50 - {LOST:g}:"]
    for name, points in result["models"].items():
        cost = cost_at(points, wanted)
        lines.append(f"{name}: " + (f"{cost:.2%}" if cost is not None else "not reached"))
    return "\n".join(lines)


def plot(result: dict) -> str:
    series = {
        name: sorted((100 * p["active_macs"], p["ap50"]) for p in points) for name, points in result["models"].items()
    }
    label = "AP50 over the active multiplications, in per cent"
    return plots.standalone(plots.frontiers(series, result["dense_ap50"], label))


if __name__ == "__main__":
    sys.exit(main())
