"""What the recipes' commands share: their options."""

from __future__ import annotations

import argparse

from patchskip.export.loading import sha256
from patchskip.training.options import require


def add_arguments(parser: argparse.ArgumentParser, steps: int, batch: int) -> None:
    """steps, batch: the recipe's own."""
    parser.add_argument("--source", required=True, metavar="VIDEO", help="a video or a folder of images")
    parser.add_argument("--frames", type=part, required=True, metavar="A:B", help="that are trained on; the first is 0")
    parser.add_argument("--test", type=part, metavar="A:B", help="frames that the result is tried on")
    parser.add_argument("--steps", type=int, default=steps, metavar="N", help="(%(default)s)")
    parser.add_argument("--batch", type=int, default=batch, metavar="N", help="pictures in a step (%(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="of learning, the highest (%(default)s)")
    parser.add_argument("--checkpoint", metavar="FILE", help="parameters to begin with; without it they are random")
    parser.add_argument("--bf16", action="store_true", help="bfloat16: less time on hardware that has it")
    parser.add_argument("--seed", type=int, default=0, help="the same gives the same parameters (%(default)s)")
    parser.add_argument("--threads", type=int, metavar="N", help="of PyTorch")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="for the parameters, and to go on from")


def part(text: str) -> tuple[int, int]:
    first, last = text.split(":")
    return int(first), int(last)


def check(args: argparse.Namespace) -> None:
    """Raises PatchskipError for numbers that add_arguments' options do not take."""
    require(
        (
            ("steps", args.steps, args.steps > 0),
            ("batch", args.batch, args.batch > 0),
            ("rate", args.rate, 0 < args.rate < float("inf")),
            ("threads", args.threads, args.threads is None or args.threads > 0),
            ("seed", args.seed, args.seed >= 0),
        )
    )


def settings(args: argparse.Namespace) -> dict:
    """What a checkpoint must have in common with the training that goes on from it, of add_arguments' options."""
    return {
        "backbone": args.backbone,
        "begun from": sha256(args.checkpoint) if args.checkpoint else None,
        **{name: getattr(args, name) for name in ("source", "steps", "batch", "rate", "bf16", "seed")},
        "frames": list(args.frames),
    }
