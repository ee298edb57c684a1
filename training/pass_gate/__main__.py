"""`python -m patchskip.training.pass_gate MODEL`: trains gates of PASS, for `patchskip export --pass-gates`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import numpy as np

from patchskip.export import loading, pass_gates
from patchskip.export.analysis import analyse
from patchskip.export.frames import fitting
from patchskip.runtime.errors import PatchskipError, exit_status
from patchskip.runtime.files import check_targets
from patchskip.training import sequences
from patchskip.training.options import place_of, require_torch

if TYPE_CHECKING:
    from .training import Progress


def main(argv: list[str] | None = None) -> int:
    """-> exit status"""
    return exit_status(_run, argv)


def _run(argv: list[str] | None) -> int:
    require_torch()
    from .training import Options

    parser = argparse.ArgumentParser(
        prog="patchskip.training.pass_gate", description="Train gates of PASS without labels."
    )
    parser.add_argument("model", metavar="MODEL", help="an ONNX network")
    parser.add_argument("--source", action="append", required=True, metavar="VIDEO", help="a clip; may be repeated")
    parser.add_argument("-o", "--output", required=True, metavar="FILE.npz")
    parser.add_argument(
        "--part", nargs=2, type=float, default=(0.0, 1.0), metavar=("FROM", "TO"), help="of every clip, in shares"
    )
    parser.add_argument("--input-size", nargs=2, type=int, metavar=("H", "W"), help="give the image input another size")
    parser.add_argument(
        "--crop", nargs=2, type=int, metavar=("H", "W"), help="train on parts of the frames; local heads"
    )
    parser.add_argument("--patch", type=int, default=16, help="side of a patch in input pixels (16)")
    parser.add_argument("--preprocess", default="auto", help="as for patchskip export")
    parser.add_argument("--at", nargs="+", metavar="NAME", help="the picture and layers with gates (the picture)")
    parser.add_argument("--head", choices=pass_gates.HEADS, default="local")
    parser.add_argument("--width", type=int, default=16, help="channels of a gate (16; published: 256)")
    parser.add_argument("--depth", type=int, default=1, help="ConvMixer blocks (1; published: 4)")
    parser.add_argument("--pool", type=int, default=1, help="look at means of so many pixels' side (1, as published)")
    parser.add_argument(
        "--distilled", action="store_true", help="compare what matters in the outputs, as patchskip train does"
    )
    parser.add_argument("--start", metavar="FILE.npz", help="go on from these gates")
    defaults = Options()
    for name in ("steps", "batch", "gap", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(defaults, name), help=f"({getattr(defaults, name)})")
    for name in ("budget", "rate", "margin"):
        parser.add_argument(
            f"--{name}", type=float, default=getattr(defaults, name), help=f"({getattr(defaults, name)})"
        )
    parser.add_argument("--target", type=float, default=defaults.target, help="share of active patches; 0: no budget")
    return _train(parser.parse_args(argv))


def _train(args: argparse.Namespace) -> int:
    from .training import Options, train

    check_targets([args.output], [args.model, args.start, *args.source])
    model, size = loading.load(args.model), args.input_size
    whole = analyse(model, input_size=size, patch=args.patch, preset=args.preprocess, name=args.model)
    part = whole
    if args.crop:
        part = analyse(model, input_size=args.crop, patch=args.patch, preset=args.preprocess, name=args.model)
    form = {"head": args.head, "width": args.width, "depth": args.depth, "pool": args.pool}
    forms = {name: whole.pass_form(name, **form) for name in args.at or [whole.image]}
    for name, wanted in forms.items():
        wanted.patches(part.pass_place(name).size)
    start = pass_gates.read(args.start) if args.start else None
    if start is not None and {name: gate.form for name, gate in start.items()} != forms:
        raise PatchskipError(
            f"{args.start} holds other gates than those asked for; leave --start out, or ask for its own"
        )
    kept = {
        name: getattr(args, name) for name in ("steps", "batch", "gap", "seed", "budget", "rate", "margin", "distilled")
    }
    options = Options(target=args.target or None, **kept)
    part_of, folder = (args.part[0], args.part[1]), place_of(args.output)
    fit = fitting(whole.size, whole.recipe)
    clips = [sequences.read(source, fit, part_of, args.gap + 1, folder, quiet=True) for source in args.source]
    pass_gates.write(args.output, train(part, forms, clips, options, _Log(options.steps), start))
    cost = sum(wanted.macs(whole.pass_place(name).size) for name, wanted in forms.items())
    print(f"wrote {args.output}: {len(forms)} gates, {cost / 1e6:.2f} MMAC for each frame")
    return 0


class _Log:
    """A line for every twentieth of the steps: means."""

    def __init__(self, steps: int):
        self._every = max(1, steps // 20)
        self._seen: list[Progress] = []

    def __call__(self, progress: Progress) -> None:
        self._seen.append(progress)
        if progress.step % self._every == 0:
            names = ("triplet", "active", "positive", "negative")
            means = (f"{name} {np.mean([getattr(seen, name) for seen in self._seen]):.4g}" for name in names)
            print(f"step {progress.step}: {', '.join(means)}", flush=True)
            self._seen.clear()


if __name__ == "__main__":
    sys.exit(main())
