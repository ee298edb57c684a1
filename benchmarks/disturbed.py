"""How much of a tracker's score is chance: the same detections, disturbed a little, tracked several times.

    python -m patchskip.benchmarks.disturbed plain=a.patchskip.onnx dense=a.onnx --source VIDEO --gt GT.txt --start 397

One person who gets another number at a crossing moves HOTA by points on a clip of few persons, and whether it happens
hangs on a pixel. Two networks differ by less than that means nothing. Beside the score of the detections as they are
stand mean and deviation over runs whose boxes are moved by 1 % of their height, and scores by 0.01 (normal, seeded).
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from patchskip.benchmarks import accuracy, environment, tracking
from patchskip.benchmarks.dense import is_patchskip, open_model
from patchskip.benchmarks.measure import frame_count, frames_of
from patchskip.benchmarks.named import named
from patchskip.runtime import tasks
from patchskip.runtime.errors import PatchskipError, exit_status
from patchskip.runtime.files import atomic_json, check_targets
from patchskip.runtime.pipeline import Pipeline
from patchskip.runtime.progress import Progress
from patchskip.runtime.run import add_anew
from patchskip.runtime.sources import open_source

MOVED, CHANGED = 0.01, 0.01  # of a box's height; of the score
MEASURES = ("hota", "mota", "idf1")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m patchskip.benchmarks.disturbed", description="How much of a tracker's score is chance."
    )
    parser.add_argument(
        "models", nargs="+", metavar="NAME=MODEL", help="patch-skipping networks, and dense ones behind one of them"
    )
    parser.add_argument("--source", required=True, metavar="VIDEO")
    parser.add_argument("--gt", required=True, metavar="FILE", help="tracks in the MOT challenge's format")
    parser.add_argument("--start", type=int, default=0, metavar="N", help="leave out the first N frames")
    parser.add_argument("--frames", type=int, metavar="N", help="stop after N frames")
    parser.add_argument("--runs", type=int, default=8, metavar="N", help="disturbed runs (default: %(default)s)")
    add_anew(parser)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON; - is standard output")
    return exit_status(_run, parser.parse_args(argv))


def _run(args: argparse.Namespace) -> int:
    files = named(args.models)
    check_targets([args.json], [*files.values(), args.source, args.gt])
    if args.frames is not None and args.frames < 1:
        raise PatchskipError(f"--frames is {args.frames}; give 1 or more")
    if args.runs < 2:
        raise PatchskipError(f"--runs is {args.runs}; a deviation needs 2 or more")
    tracking.library()  # says at the start what is missing
    source = open_source(args.source)
    source.start_at(args.start)
    truth = accuracy.GroundTruth(args.gt)
    truth.require_identities()
    total = frame_count(source, args.frames)
    if total:
        accuracy.require_persons(truth, source, range(total))
    results = {}
    for name, model in _opened(files, environment.threads(args.threads)).items():
        anew = {"refresh": args.refresh, "revisit": args.revisit} if is_patchskip(model.path) else {}
        with Progress(name, total) as progress:
            results[name] = measure(model, source, truth, args.frames, args.runs, progress.update, anew)
    if args.json != "-":
        print(table(results))
    if args.json:
        atomic_json(args.json, results)
    return 0


def _opened(files: dict[str, str], threads: int) -> dict:
    """-> {name: model}, as they were named; a dense network is given pictures as the first that skips is."""
    like, models = None, {}
    for name, path in sorted(files.items(), key=lambda item: not is_patchskip(item[1])):
        models[name] = open_model(path, threads, like)
        like = like or models[name]
    return {name: models[name] for name in files}


def measure(
    model, source, truth: accuracy.GroundTruth, frames: int | None, runs: int, told, anew: dict | None = None
) -> dict:
    """-> {"as_it_is": measures as of `tracking.measure`, "disturbed": [the same of each run], "active_macs"}.

    told(n): n frames are done. anew: `refresh` and `revisit` of the stream.
    """
    network = Pipeline(model, "track", classes=[accuracy.PERSON], **(anew or {}))
    trackers = [tasks.create("track", model, classes=[accuracy.PERSON]) for _ in range(runs)]
    for seed, tracker in enumerate(trackers):
        tracker.find = disturbed(tracker.find, np.random.default_rng(seed))
    plain: list = []
    others: list = [[] for _ in trackers]
    truths, active = [], []
    for index, frame in enumerate(frames_of(source, frames)):
        plain.append(network(frame))
        for tracker, found in zip(trackers, others, strict=True):
            found.append(tracker(network.outputs, network.preprocess.scale))
        truths.append(truth.persons(source, index, frame))
        active.append(network.stream.stats["active_macs"])
        told(index + 1)
    measured = [tracking.measure(found, truths) for found in (plain, *others)]
    return {"as_it_is": measured[0], "disturbed": measured[1:], "active_macs": float(np.mean(active[1:] or active))}


def disturbed(find, rng: np.random.Generator):
    """`find` of runtime.tasks.track, whose boxes and scores are moved at random."""

    def find_elsewhere(outputs, scale):
        found, embeddings = find(outputs, scale)
        found = found.copy()
        heights = found[:, 3:4] - found[:, 1:2]
        found[:, :4] += rng.normal(0, MOVED, (len(found), 4)) * heights
        found[:, 4] += rng.normal(0, CHANGED, len(found))
        return found, embeddings

    return find_elsewhere


def table(results: dict) -> str:
    """-> text: for each model its measures, and mean and deviation of the disturbed runs."""
    width = max(len(name) for name in results)
    lines = [" " * width + "  active" + "".join(f"{name.upper():>9}{'disturbed':>17}" for name in MEASURES)]
    for name, result in results.items():
        cells = f"{name:{width}}  {result['active_macs']:6.1%}"
        for key in MEASURES:
            values = [run[key] for run in result["disturbed"]]
            cells += f"{result['as_it_is'][key]:9.4f}{np.mean(values):9.4f} +- {np.std(values):.4f}"
        lines.append(cells)
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
