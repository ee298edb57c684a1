"""`python -m patchskip.training.recipes.mobilehumanpose`: MobileHumanPose, taught by BlazePose on a clip."""

from __future__ import annotations

import argparse
import sys

from patchskip.export.frames import Cropped
from patchskip.export.loading import sha256
from patchskip.export.preprocess import PRESETS
from patchskip.runtime.errors import exit_status
from patchskip.runtime.run import add_crop, read_crop
from patchskip.training.backbones import backbone
from patchskip.training.backbones.filled import filled
from patchskip.training.recipes import command

NETWORKS = ("mobilehumanpose", "mobilehumanpose-large")  # whose joints body.py knows


def main(argv: list[str] | None = None) -> int:
    """-> exit status: 1 when the training diverges, 2 for bad input."""
    return exit_status(_train, _parser().parse_args(argv))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="patchskip.training.recipes.mobilehumanpose", description="Train MobileHumanPose on a clip without labels."
    )
    parser.add_argument("--backbone", default=NETWORKS[0], choices=NETWORKS, help="(%(default)s)")
    parser.add_argument("--teacher", required=True, metavar="BLAZEPOSE.onnx", help="that finds the joints to learn")
    add_crop(parser, "the part of the frame that holds the person (default: all of it)")
    command.add_arguments(parser, steps=1600, batch=8)
    return parser


def _train(args: argparse.Namespace) -> int:
    command.check(args)
    region = read_crop(args.crop)
    chosen = backbone(args.backbone)
    model, size = filled(args.backbone, None, args.checkpoint, args.seed)
    from patchskip.training.recipes import course
    from patchskip.training.recipes.trainer import Plan, Trainer

    from . import taught
    from .losses import Loss
    from .measuring import joints_within
    from .teacher import Teacher
    from .views import Batches

    device = course.begin(args, args.teacher)
    teacher = Teacher(args.teacher, args.threads)
    recipe = PRESETS[chosen.preset]
    fit = Cropped(size, recipe, region)

    def clip(part: tuple[int, int]) -> taught.TaughtClip:
        return taught.read(args.source, part, fit, teacher, args.output, args.quiet)

    seen, unseen = clip(args.frames), clip(args.test) if args.test else None
    batches = Batches(seen, recipe, args.batch, args.seed)
    trainer = Trainer(model, Loss(), batches, Plan(args.steps, args.rate, args.bf16), device)
    settings = {**command.settings(args), "teacher": sha256(args.teacher), "crop": args.crop}
    if not course.trained(trainer, model, settings, args):
        return 1
    if unseen:
        found = joints_within(model, chosen.outputs[0], unseen, recipe, args.quiet)
        print(f"joints of frames {args.test[0]}:{args.test[1]} that are within 5 % of the teacher's: {found:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
