"""`patchskip finetune`"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

import patchskip
from patchskip.export import loading
from patchskip.export.command import save
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_json
from patchskip.runtime.run import add_crop, read_crop
from patchskip.training.options import TOLERANCE, described, require, require_torch

if TYPE_CHECKING:
    from patchskip.training.processes import Processes

    from .weights import Tuned

MEASURED = 8  # rounds that the result is measured on
LONGEST = 20  # rounds of a sequence: what is wrong with a cache shows after a hundred frames and more
NAME = "weights"  # of the course's files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="what `patchskip export --gate delta --input u8` wrote")
    parser.add_argument("--source", metavar="VIDEO", action="append", required=True, help="may be given several times")
    parser.add_argument(
        "--part",
        nargs=2,
        type=float,
        default=(0.0, 1.0),
        metavar=("FROM", "TO"),
        help="of every source, in shares: 0 0.5 leaves the second half for tests",
    )
    add_crop(parser, "of a pose network, the part of the frame that it looks at (default: all of it)")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="the model with the weights trained")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--target-active", type=float, metavar="A", help="share of the multiplications to end with")
    budget.add_argument("--budget-weight", type=float, default=0.2, metavar="W", help="their price, if no target (0.2)")
    parser.add_argument("--steps", type=int, default=300, metavar="N", help="of training (%(default)s)")
    parser.add_argument("--streams", type=int, default=2, metavar="N", help="sequences at a time (%(default)s)")
    parser.add_argument(
        "--rate", type=float, default=3e-4, help="of learning: by which share a step moves the weights (%(default)s)"
    )
    parser.add_argument("--bf16", action="store_true", help="bfloat16: less time on hardware that has it")
    parser.add_argument("--seed", type=int, default=0, help="the same gives the same weights (%(default)s)")
    parser.add_argument("--threads", type=int, metavar="N", help="of PyTorch, in each process")


def main(args: argparse.Namespace) -> int:
    """Train, write the model. -> exit status: 1 when it is no better, the target is not reached or the training
    diverges."""
    _check(args)
    require_torch()
    from patchskip.training.processes import Processes, reproducible
    from patchskip.training.trainer import Diverged

    reproducible(args.threads)
    folder, tuned = os.path.splitext(args.output)[0] + ".checkpoint", None
    with Processes() as processes:
        processes.require_shared(args.streams)
        try:
            tuned = _finetune(args, folder, processes)
        except Diverged as error:
            if processes.writes:
                print(
                    f"patchskip: {error}; the checkpoint before it stays in {folder}; try a lower --rate",
                    file=sys.stderr,
                )
        if tuned and processes.writes:
            _report(args, tuned, folder)
    return 0 if tuned and tuned.better and _reached(args, tuned) else 1


def _check(args: argparse.Namespace) -> None:
    checks = (
        ("target-active", args.target_active, args.target_active is None or 0 < args.target_active <= 1),
        ("budget-weight", args.budget_weight, 0 <= args.budget_weight < float("inf")),
        ("part", args.part, 0 <= args.part[0] < args.part[1] <= 1),
        ("rate", args.rate, 0 < args.rate < float("inf")),
        ("steps", args.steps, args.steps > 0),
        ("streams", args.streams, args.streams > 0),
        ("threads", args.threads, args.threads is None or args.threads > 0),
        ("seed", args.seed, args.seed >= 0),
    )
    require(checks, "patchskip finetune")
    place = os.path.dirname(os.path.abspath(args.output))
    if not os.path.isdir(place):
        raise PatchskipError(f"cannot write {args.output}: there is no folder {place}; make it first")
    if os.path.exists(args.output) and os.path.exists(args.model) and os.path.samefile(args.output, args.model):
        raise PatchskipError(f"the output {args.output} is the model itself; give another name")


def _finetune(args: argparse.Namespace, folder: str, processes: Processes) -> Tuned:
    from patchskip.training.course import Course
    from patchskip.training.sequences import Cropped, read
    from patchskip.training.trainer import FRAMES, LENGTH, STEPS, Plan

    from .weights import finetune

    metadata = patchskip.load(args.model).metadata
    if metadata.get("gate") != "delta":
        raise PatchskipError(f"{args.model} is in exact mode and has no gates; export it with --gate delta")
    entry, *others = metadata["inputs"]
    if others or entry["dtype"] != "uint8":
        raise PatchskipError(f"{args.model} does not take a frame as it is; export it with --input u8")
    quiet = args.quiet or not processes.writes
    size, place = tuple(entry["shape"][1:3]), os.path.dirname(os.path.abspath(args.output))
    region = read_crop(args.crop)
    clips = [
        read(spec, Cropped(spec, region, size, metadata["preprocess"]), tuple(args.part), LENGTH, place, quiet)
        for spec in args.source
    ]
    plan = Plan(
        -(-args.steps // STEPS),
        args.streams,
        args.seed,
        args.target_active,
        args.budget_weight,
        contrast=0.0,
        bf16=args.bf16,
        sequence=min([LONGEST, *((len(clip.frames) - 1) // FRAMES for clip in clips)]),
    )
    course = Course(folder, NAME, _settings(args), processes, quiet, args.target_active)
    return finetune(loading.read(args.model), clips, plan, args.rate, processes, course, MEASURED)


def _settings(args: argparse.Namespace) -> dict:
    """What a checkpoint must have in common with the training that goes on from it."""
    names = ("target_active", "budget_weight", "steps", "streams", "rate", "bf16", "seed", "source", "crop")
    return {
        "model": loading.sha256(args.model),
        "part": list(args.part),
        **{name: getattr(args, name) for name in names},
    }


def _reached(args: argparse.Namespace, tuned: Tuned) -> bool:
    return args.target_active is None or tuned.after.active <= TOLERANCE * args.target_active


def _report(args: argparse.Namespace, tuned: Tuned, folder: str) -> None:
    if tuned.better:
        save(tuned.model, args.output)
    if args.json:
        found = {
            name: {"active_macs": measured.active, "terms": measured.terms}
            for name, measured in (("before", tuned.before), ("after", tuned.after))
        }
        result = {"target_active": args.target_active, "reached": _reached(args, tuned), "better": tuned.better}
        atomic_json(args.json, {"output": args.output if tuned.better else None, **result, **found})
    if args.quiet or args.json == "-":
        return
    for name, measured in (("before", tuned.before), ("after", tuned.after)):
        print(f"{name}: {described(measured)}")
    if not _reached(args, tuned):
        print(f"the target of {args.target_active:.2%} is not reached; this is the nearest")
    print(f"wrote {args.output}" if tuned.better else "that is no better: no model was written")
    print(f"the training's course is in {folder}")
