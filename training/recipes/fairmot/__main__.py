"""`python -m patchskip.training.recipes.fairmot`: FairMOT, trained on a labelled clip."""

from __future__ import annotations

import argparse
import sys

from patchskip.export.loading import sha256
from patchskip.export.preprocess import PRESETS
from patchskip.runtime.errors import exit_status
from patchskip.training.backbones import BACKBONES, backbone
from patchskip.training.backbones.filled import filled
from patchskip.training.options import require
from patchskip.training.recipes import command

NETWORKS = [name for name, chosen in BACKBONES.items() if chosen.outputs == ("hm", "wh", "id", "reg")]


def main(argv: list[str] | None = None) -> int:
    """-> exit status: 1 when the training diverges, 2 for bad input."""
    return exit_status(_train, _parser().parse_args(argv))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="patchskip.training.recipes.fairmot", description="Train FairMOT on a labelled clip."
    )
    parser.add_argument("--backbone", default="fairmot-yolo", choices=NETWORKS, help="(%(default)s)")
    parser.add_argument("--gt", required=True, metavar="GT.txt", help="the clip's MOTChallenge ground truth")
    parser.add_argument("--size", nargs=2, type=int, default=(320, 576), metavar=("H", "W"), help="(320 576)")
    parser.add_argument("--crop", nargs=2, type=int, metavar=("H", "W"), help="parts that are trained on (a quarter)")
    command.add_arguments(parser, steps=4000, batch=8)
    return parser


def _check(args: argparse.Namespace) -> None:
    command.check(args)
    args.crop = tuple(args.crop or (-(-side // 64) * 32 for side in args.size))
    stride = backbone(args.backbone).stride
    fits = all(0 < c <= s and c % stride == 0 for c, s in zip(args.crop, args.size))
    require([("crop", args.crop, fits)])


def _train(args: argparse.Namespace) -> int:
    _check(args)
    model, size = filled(args.backbone, args.size, args.checkpoint, args.seed)
    from patchskip.training.recipes import course
    from patchskip.training.recipes.trainer import Plan, Trainer

    from . import labelled
    from .batches import Batches
    from .losses import Loss, expect_nobody, last_of
    from .measuring import average_precision

    device = course.begin(args, args.gt)
    recipe = PRESETS[backbone(args.backbone).preset]

    def clip(part: tuple[int, int]) -> labelled.LabelledClip:
        return labelled.read(args.source, args.gt, part, size, recipe, args.output, args.quiet)

    seen, unseen = clip(args.frames), clip(args.test) if args.test else None
    if not args.checkpoint:
        expect_nobody(last_of(model, "hm"))
    loss = Loss(last_of(model, "id").out_channels, seen.identities)
    batches = Batches(seen, recipe, args.steps, args.crop, args.batch, args.seed)
    trainer = Trainer(model, loss, batches, Plan(args.steps, args.rate, args.bf16), device)
    if not course.trained(trainer, model, _settings(args), args):
        return 1
    if unseen:
        found = average_precision(model, unseen, recipe, args.quiet)
        print(f"AP50 of frames {args.test[0]}:{args.test[1]}: {found:.4f}")
    return 0


def _settings(args: argparse.Namespace) -> dict:
    return {
        **command.settings(args),
        "ground truth": sha256(args.gt),
        **{name: list(getattr(args, name)) for name in ("size", "crop")},
    }


if __name__ == "__main__":
    sys.exit(main())
