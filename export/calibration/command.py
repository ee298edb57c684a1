"""`patchskip calibrate`: gates for a model, chosen on clips."""

from __future__ import annotations

import argparse
import os

import patchskip
from patchskip.benchmarks import environment
from patchskip.runtime import opencv, tasks
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_json, check_targets
from patchskip.runtime.model import is_engine
from patchskip.runtime.progress import Progress
from patchskip.runtime.run import add_crop, read_crop

from .. import gate_file, loading
from ..command import save
from . import clips, fidelity
from .evaluate import Evaluator
from .placing import place
from .settings import Gates
from .tuning import Goal, Tuned, Tuning

MAX_ERROR = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="what `patchskip export --gate delta` wrote")
    parser.add_argument(
        "--source",
        required=True,
        action="append",
        metavar="VIDEO",
        help="what the gates are chosen on, a video or a folder of images; more than one, with --source again",
    )
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="the model with the gates chosen")
    goal = parser.add_mutually_exclusive_group()
    goal.add_argument(
        "--max-error",
        type=float,
        metavar="E",
        help=f"skip as much as this error allows, 0 to 1 ({MAX_ERROR}): of boxes 1 - AP50 against the dense network's, "
        "of joints the share that moved, else the outputs' relative difference",
    )
    goal.add_argument("--target-active", type=float, metavar="A", help="the least error at this share of the MACs")
    parser.add_argument("--gates", metavar="FILE.npz", help="begin with these gates (default: those of MODEL)")
    parser.add_argument(
        "--gates-out", metavar="FILE.npz", help="also write a gates file (default: OUT's name with .npz)"
    )
    parser.add_argument(
        "--network",
        metavar="NET.onnx",
        help="the network that MODEL was exported from: gates stand at more of its layers then",
    )
    parser.add_argument("--patch", type=int, metavar="N", help="with --network: another side of the patches")
    parser.add_argument("--fixed-cells", action="store_true", help="choose thresholds only, leave the cells' sizes")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="of the search at most (%(default)s)")
    parser.add_argument(
        "--frames", type=int, default=400, metavar="N", help="look at the first N of each clip (%(default)s)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="default: PATCHSKIP_THREADS, or all cores")
    parser.add_argument("--task", choices=sorted(tasks.TASKS), help="what the outputs mean (default: found out)")
    parser.add_argument("--classes", metavar="LIST", help="of boxes, look at these: names of COCO or numbers")
    add_crop(parser, "the part of the frame that --task pose looks at (default: all of it)")


def main(args: argparse.Namespace) -> int:
    """-> exit status: 0, or 1 when the goal cannot be reached; the nearest is written then."""
    goal = _goal(args)
    if is_engine(args.model):
        raise PatchskipError(f"{args.model} is an engine; calibrate the model it was built from, and build it again")
    written = args.gates_out or os.path.splitext(args.output)[0] + ".npz"
    check_targets([args.output, written, args.json], [args.model, args.network, args.gates, *args.source])
    model = patchskip.load(args.model)
    if model.metadata.get("gate") != "delta":
        raise PatchskipError(f"{args.model} is in exact mode and has no thresholds; export it with --gate delta")
    gates = Gates(loading.read(args.model), args.model)
    if args.patch is not None and not args.network:
        raise PatchskipError("--patch needs the network that the model was exported from; give it with --network")
    start = gates.given(gate_file.read(args.gates), args.gates) if args.gates else gates.gates
    task = args.task or tasks.guess(model)
    if args.classes and task != "detect":
        raise PatchskipError(f"--classes is for --task detect, and the task is {task}; leave it out")
    if args.crop and task != "pose":
        raise PatchskipError(f"--crop is for --task pose, and the task is {task}; leave it out")
    measure = fidelity.of(task, args.classes.split(",") if args.classes else None)
    tasks.create(measure.task, model, **measure.options)  # says at the start what does not fit
    opencv.load().setNumThreads(1)
    seen = clips.read(args.source, model, args.frames, read_crop(args.crop), args.quiet)
    if args.network:
        placed = place(args.network, model, start, args.patch, seen[0].frames[:: max(1, len(seen[0].frames) // 8)])
        gates = Gates(placed, args.network)
        start = gates.gates

    with Progress("calibrate", None, args.quiet) as progress:

        def done() -> None:
            progress.update(evaluator.runs, f"{evaluator.frames} frames in each")

        def say(line: str) -> None:
            if not args.quiet and args.json != "-":
                print(line, flush=True)

        with Evaluator(gates, seen, measure, environment.threads(args.threads), done) as evaluator:
            tuned = Tuning(gates, start, evaluator, goal, say).run(args.rounds, not args.fixed_cells)
        result = describe(tuned, goal, task, args, evaluator)
    gate_file.write(written, tuned.gates)
    save(gates.model(tuned.gates), args.output)
    result.update(output=args.output, gates_file=written)
    if not args.quiet and args.json != "-":
        print(table(result))
    if args.json:
        atomic_json(args.json, result)
    return 0 if tuned.reached else 1


def _goal(args: argparse.Namespace) -> Goal:
    for option, value in (("--max-error", args.max_error), ("--target-active", args.target_active)):
        if value is not None and not 0 < value < 1:
            raise PatchskipError(f"{option} is {value}; give a share between 0 and 1, such as 0.05")
    for option, value, least in (("--rounds", args.rounds, 0), ("--frames", args.frames, clips.LEAST)):
        if value < least:
            raise PatchskipError(f"{option} is {value}; give {least} or more")
    if args.target_active is not None:
        return Goal("active", args.target_active)
    return Goal("error", MAX_ERROR if args.max_error is None else args.max_error)


def describe(tuned: Tuned, goal: Goal, task: str, args: argparse.Namespace, evaluator: Evaluator) -> dict:
    """-> the command's JSON."""

    def frontier(points) -> list[dict]:
        return [{"active_macs": point.active, "error": point.error} for point in points]

    return {
        "model": str(args.model),
        "sources": args.source,
        "task": task,
        "goal": {"max_error" if goal.kind == "error" else "target_active": goal.value},
        "reached": tuned.reached,
        "active_macs": tuned.point.active,
        "error": tuned.point.error,
        "before": frontier(tuned.before),
        "frontier": frontier(tuned.after),
        "gates": {name: {"threshold": gate.threshold, "cell": gate.cell} for name, gate in tuned.gates.items()},
        "runs": evaluator.runs,
        "frames": evaluator.frames,
    }


def table(result: dict) -> str:
    """-> the frontier as text."""
    lines = ["MACs active   error"]
    for title, points in (("the gates that were there", result["before"]), ("calibrated", result["frontier"])):
        lines.append(title)
        lines += [f"{point['active_macs']:11.2%}   {point['error']:.4f}" for point in points]
    goal = result["goal"]
    asked = (
        f"an error of {goal['max_error']:g} at most"
        if "max_error" in goal
        else f"{goal['target_active']:.2%} of the MACs at most"
    )
    found = f"{result['active_macs']:.2%} of the MACs active at an error of {result['error']:.4f}"
    if not result["reached"]:
        lines.append(f"{asked} was asked, and not reached; the nearest: {found}")
    else:
        lines.append(f"{asked}: {found}")
    lines.append(f"{result['runs']} runs of {result['frames']} frames")
    lines.append(f"wrote {result['output']} and {result['gates_file']}")
    return "\n".join(lines)
