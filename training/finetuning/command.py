"""`patchskip finetune`"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

import patchskip
from patchskip.export import loading
from patchskip.export.command import save
from patchskip.export.frames import Cropped, Fit, fitting
from patchskip.runtime import tasks
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_json, check_targets
from patchskip.runtime.model import frame_size
from patchskip.runtime.run import add_crop, read_crop
from patchskip.training.options import (
    add_course,
    add_sources,
    check,
    described,
    place_of,
    reached,
    require,
    require_torch,
)

if TYPE_CHECKING:
    from patchskip.training.processes import Processes

    from .weights import Tuned

MEASURED = 8  # rounds that the result is measured on
LONGEST = 20  # rounds of a sequence: what is wrong with a cache shows after a hundred frames and more
WHOLE = 1.0  # weight of the outputs' distance where a frame is computed in full
NAME = "weights"  # of the course's files
COMMAND = "patchskip finetune"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="what `patchskip export --gate delta --input u8` wrote")
    add_sources(parser)
    add_crop(parser, "of a pose network, the part of the frame that it looks at (default: all of it)")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="the model with the weights trained")
    parser.add_argument(
        "--rate", type=float, default=3e-4, help="of learning: by which share a step moves the weights (%(default)s)"
    )
    parser.add_argument("--bf16", action="store_true", help="bfloat16: less time on hardware that has it")
    add_course(parser, weight=0.2, steps=300, streams=2, learned="weights")


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
    return 0 if tuned and tuned.better and reached(args.target_active, tuned.after.active) else 1


def _check(args: argparse.Namespace) -> None:
    check(args, COMMAND)
    require([("rate", args.rate, 0 < args.rate < float("inf"))], COMMAND)
    check_targets([args.output, args.json], [args.model, *args.source])


def _finetune(args: argparse.Namespace, folder: str, processes: Processes) -> Tuned:
    from patchskip.training.course import Course
    from patchskip.training.sequences import read
    from patchskip.training.trainer import LENGTH, STEPS, Plan, rounds_of

    from .weights import finetune

    model = patchskip.load(args.model)
    metadata = model.metadata
    if metadata.get("gate") != "delta":
        raise PatchskipError(f"{args.model} is in exact mode and has no gates; export it with --gate delta")
    entry, *others = metadata["inputs"]
    if others or entry["dtype"] != "uint8":
        raise PatchskipError(f"{args.model} does not take a frame as it is; export it with --input u8")
    quiet = args.quiet or not processes.writes
    fit, place = fit_of(model, read_crop(args.crop)), place_of(args.output)
    clips = [read(spec, fit, tuple(args.part), LENGTH, place, quiet) for spec in args.source]
    plan = Plan(
        -(-args.steps // STEPS),
        args.streams,
        args.seed,
        args.target_active,
        args.budget_weight,
        contrast=0.0,
        whole=WHOLE,
        bf16=args.bf16,
        sequence=rounds_of(clips, LONGEST),
    )
    course = Course(folder, NAME, _settings(args), processes, quiet, args.target_active)
    return finetune(loading.read(args.model), clips, plan, args.rate, processes, course, MEASURED)


def fit_of(model, region: tuple[int, int, int, int] | None) -> Fit:
    """How `run` shows frames to the model: a network of poses sees a crop of the picture's shape, others all of it."""
    size, recipe = frame_size(model.inputs[0]), model.metadata["preprocess"]
    posing = region is not None or tasks.guess(model) == "pose"
    return Cropped(size, recipe, region) if posing else fitting(size, recipe)


def _settings(args: argparse.Namespace) -> dict:
    """What a checkpoint must have in common with the training that goes on from it."""
    names = ("target_active", "budget_weight", "steps", "streams", "rate", "bf16", "seed", "source", "crop")
    return {
        "model": loading.sha256(args.model),
        "part": list(args.part),
        **{name: getattr(args, name) for name in names},
    }


def _report(args: argparse.Namespace, tuned: Tuned, folder: str) -> None:
    met = reached(args.target_active, tuned.after.active)
    if tuned.better:
        save(tuned.model, args.output)
    if not args.quiet and args.json != "-":
        for name, measured in (("before", tuned.before), ("after", tuned.after)):
            print(f"{name}: {described(measured)}")
        if not met:
            print(f"the target of {args.target_active:.2%} is not reached; this is the nearest")
        worse = "that is no better: no model was written; try a lower --rate or --budget-weight"
        print(f"wrote {args.output}" if tuned.better else worse)
        print(f"the training's course is in {folder}")
    if args.json:
        found = {
            name: {"active_macs": measured.active, "terms": measured.terms}
            for name, measured in (("before", tuned.before), ("after", tuned.after))
        }
        result = {
            "target_active": args.target_active,
            "reached": met,
            "better": tuned.better,
        }
        atomic_json(args.json, {"output": args.output if tuned.better else None, **result, **found})
