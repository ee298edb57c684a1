"""`patchskip train`"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from patchskip.export import Analysis, Gate, analyse, gate_file, loading
from patchskip.export.frames import fitting
from patchskip.export.preprocess import PRESETS
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_json, check_targets

from .options import add_course, add_sources, check, described, place_of, reached, require_torch

if TYPE_CHECKING:
    from .trainer import Measured

LONGEST = 5  # rounds of a sequence: three times as long as a stream keeps what lies under a box
MEASURED = 4  # rounds that the result is measured on
PASSING = 0.99  # a gate that lets more of the patches pass is left out
WHOLE = 320 * 320  # pixels: up to this size the whole picture is trained on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="NET.onnx", help="an ONNX network; it stays as it is")
    add_sources(parser)
    parser.add_argument("-o", "--output", metavar="OUT.npz", help="default: NET with the ending .gates.npz")
    parser.add_argument("--input-size", nargs=2, type=int, metavar=("H", "W"), help="of the network's picture")
    parser.add_argument("--crop", nargs=2, type=int, metavar=("H", "W"), help="of it, that is trained on (half of it)")
    parser.add_argument("--gates", metavar="START.npz", help="gates to begin with")
    parser.add_argument("--patch", type=int, default=16, help="as for export (%(default)s)")
    parser.add_argument("--halo", choices=["full", "none"], default="none", help="as for export (%(default)s)")
    parser.add_argument("--preprocess", default="auto", choices=["auto", *PRESETS], help="as for export")
    add_course(parser, weight=0.3, steps=1000, streams=4, learned="gates")


def main(args: argparse.Namespace) -> int:
    """Train, write the gates. -> exit status: 1 when the target is not reached, or the training diverges."""
    check(args, "patchskip train")
    args.output = args.output or os.path.splitext(args.model)[0] + ".gates.npz"
    check_targets([args.output, args.json], [args.model, args.gates, *args.source])
    require_torch()
    from .processes import Processes, reproducible

    reproducible(args.threads)
    with Processes() as processes:
        processes.require_shared(args.streams)
        return _train(args, processes)


def _train(args: argparse.Namespace, processes) -> int:
    from .course import Course
    from .sequences import read
    from .skipping.exporting import gates_of, trainable
    from .trainer import LENGTH, STEPS, Diverged, Plan, Trainer, of_gates, rounds_of

    output, place = args.output, place_of(args.output)
    folder, quiet = os.path.splitext(output)[0] + ".checkpoint", args.quiet or not processes.writes
    analysis, size, crop = _analysis(args)
    start = gate_file.read(args.gates) if args.gates else None
    network = trainable(analysis, start, args.gates or "")
    fit = fitting(size, analysis.recipe)
    clips = [read(spec, fit, tuple(args.part), LENGTH, place, quiet) for spec in args.source]
    target, settings = args.target_active, _settings(args, size, crop)
    rounds = -(-args.steps // STEPS)
    plan = Plan(rounds, args.streams, args.seed, target, args.budget_weight, sequence=rounds_of(clips, LONGEST))
    trainer = Trainer(network, network, of_gates(network), clips, crop, plan, processes)
    try:
        course = Course(folder, "gates", settings, processes, quiet, target)
        course.follow(trainer, plan.rounds, magnitudes=start is None)
        measured = trainer.measure(MEASURED)
        gates = gates_of(network, measured.passing, PASSING)
        result = _result(output, gates, measured, target)
        if processes.writes:
            gate_file.write(output, gates)
    except Diverged as error:
        if processes.writes:
            print(
                f"patchskip: {error}; the checkpoint before it stays in {folder}; try another --seed or other --gates",
                file=sys.stderr,
            )
        return 1
    if processes.writes:
        _report(args, result, measured, folder)
    return 0 if result["reached"] else 1


def _result(output: str, gates: Mapping[str, Gate], measured: Measured, target: float | None) -> dict:
    return {
        "output": output,
        "active_macs": measured.active,
        "target_active": target,
        "reached": reached(target, measured.active),
        "terms": measured.terms,
        "gates": {
            name: {"threshold": gate.threshold, "passing": measured.passing[name]} for name, gate in gates.items()
        },
    }


def _analysis(args: argparse.Namespace) -> tuple[Analysis, tuple[int, int], tuple[int, int]]:
    """-> the network at the crop's size, the size of its picture, the crop's."""
    whole = _analyse(args, tuple(args.input_size) if args.input_size else None)
    size = whole.size
    if args.crop:
        crop = (args.crop[0], args.crop[1])
        if crop[0] > size[0] or crop[1] > size[1]:
            raise PatchskipError(f"--crop {crop[0]} {crop[1]} is larger than the picture, {size[0]} {size[1]}")
    elif size[0] * size[1] <= WHOLE or any(side % 32 for side in size):
        crop = size
    else:
        crop = (-(-size[0] // 64) * 32, -(-size[1] // 64) * 32)
    return (whole if crop == size else _analyse(args, crop)), size, crop


def _analyse(args: argparse.Namespace, size: tuple[int, int] | None) -> Analysis:
    return analyse(
        loading.load(args.model),
        input_size=size,
        patch=args.patch,
        halo=args.halo,
        input="u8",
        preset=args.preprocess,
        name=args.model,
        metadata={"source_sha256": loading.sha256(args.model)},
    )


def _settings(args: argparse.Namespace, size, crop) -> dict:
    """What a checkpoint must have in common with the training that goes on from it."""
    names = ("target_active", "budget_weight", "steps", "patch", "halo", "preprocess", "streams", "seed", "source")
    return {
        "network": loading.sha256(args.model),
        "gates": loading.sha256(args.gates) if args.gates else None,
        "size": list(size),
        "crop": list(crop),
        "part": list(args.part),
        **{name: getattr(args, name) for name in names},
    }


def _report(args: argparse.Namespace, result: dict, measured: Measured, folder: str) -> None:
    if not args.quiet and args.json != "-":
        print(described(measured))
        if not result["reached"]:
            print(f"the target of {result['target_active']:.2%} is not reached; this is the nearest")
        print(f"wrote {result['output']} ({len(result['gates'])} gates), and the training's course to {folder}")
    if args.json:
        atomic_json(args.json, result)
