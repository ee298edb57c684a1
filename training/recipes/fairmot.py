"""`python -m patchskip.training.recipes.fairmot`: FairMOT, trained on a labelled clip."""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import TYPE_CHECKING

from patchskip.export.loading import sha256
from patchskip.export.preprocess import PRESETS
from patchskip.runtime.errors import PatchskipError, one_line
from patchskip.runtime.files import atomic_json, atomic_path, write_error
from patchskip.runtime.progress import Progress
from patchskip.training.backbones import BACKBONES, backbone
from patchskip.training.backbones.filled import filled

if TYPE_CHECKING:
    from torch import nn

    from .trainer import Trainer

NETWORKS = [name for name, chosen in BACKBONES.items() if chosen.outputs == ("hm", "wh", "id", "reg")]


def main(argv: list[str] | None = None) -> int:
    """-> exit status: 1 when the training diverges, 2 for bad input."""
    args = _parser().parse_args(argv)
    try:
        _check(args)
        return _train(args)
    except PatchskipError as error:
        print(f"patchskip: {one_line(error)}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="patchskip.training.recipes.fairmot", description="Train FairMOT on a labelled clip."
    )
    parser.add_argument("--backbone", default="fairmot-yolo", choices=NETWORKS, help="(%(default)s)")
    parser.add_argument("--source", required=True, metavar="VIDEO", help="a video or a folder of images")
    parser.add_argument("--gt", required=True, metavar="GT.txt", help="its MOTChallenge ground truth")
    parser.add_argument(
        "--frames", type=_part, required=True, metavar="A:B", help="that are trained on; the first is 0"
    )
    parser.add_argument("--test", type=_part, metavar="A:B", help="frames for the AP50 of the result")
    parser.add_argument("--size", nargs=2, type=int, default=(320, 576), metavar=("H", "W"), help="(320 576)")
    parser.add_argument("--crop", nargs=2, type=int, metavar=("H", "W"), help="parts that are trained on (a quarter)")
    parser.add_argument("--steps", type=int, default=4000, metavar="N", help="(%(default)s)")
    parser.add_argument("--batch", type=int, default=8, metavar="N", help="parts in a step (%(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="of learning, the highest (%(default)s)")
    parser.add_argument("--checkpoint", metavar="FILE", help="parameters to begin with; without it they are random")
    parser.add_argument("--bf16", action="store_true", help="bfloat16: half the time on hardware that has it")
    parser.add_argument("--seed", type=int, default=0, help="the same gives the same parameters (%(default)s)")
    parser.add_argument("--threads", type=int, metavar="N", help="of PyTorch")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="for the parameters, and to go on from")
    return parser


def _part(text: str) -> tuple[int, int]:
    first, last = text.split(":")
    return int(first), int(last)


def _check(args: argparse.Namespace) -> None:
    args.crop = tuple(args.crop or (-(-side // 64) * 32 for side in args.size))
    stride = backbone(args.backbone).stride
    for name, value, right in (
        ("crop", args.crop, all(0 < c <= s and c % stride == 0 for c, s in zip(args.crop, args.size))),
        ("steps", args.steps, args.steps > 0),
        ("batch", args.batch, args.batch > 0),
        ("rate", args.rate, 0 < args.rate < float("inf")),
        ("threads", args.threads, args.threads is None or args.threads > 0),
        ("seed", args.seed, args.seed >= 0),
    ):
        if not right:
            raise PatchskipError(f"--{name} {value} is not possible; --help says what it is")


def _train(args: argparse.Namespace) -> int:
    model, size = filled(args.backbone, args.size, args.checkpoint, args.seed)
    import torch

    from patchskip.training.processes import reproducible
    from patchskip.training.trainer import Diverged

    from . import labelled
    from .losses import Loss, expect_nobody, last_of
    from .measuring import average_precision
    from .trainer import Plan, Trainer

    reproducible(args.threads)
    torch.manual_seed(args.seed)
    try:
        os.makedirs(args.output, exist_ok=True)
    except OSError as error:
        raise write_error(args.output, error) from error
    recipe = PRESETS[backbone(args.backbone).preset]

    def clip(part: tuple[int, int]) -> labelled.LabelledClip:
        return labelled.read(args.source, args.gt, part, size, recipe, args.output, args.quiet)

    seen, unseen = clip(args.frames), clip(args.test) if args.test else None
    if not args.checkpoint:
        expect_nobody(last_of(model, "hm"))
    loss = Loss(last_of(model, "id").out_channels, seen.identities)
    plan = Plan(args.steps, args.crop, args.batch, rate=args.rate, seed=args.seed, bf16=args.bf16)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trainer = Trainer(model, loss, seen, recipe, plan, device)
    try:
        _follow(trainer, args)
    except Diverged as error:
        print(
            f"patchskip: {error}; the checkpoint before it stays in {args.output}; try a lower --rate", file=sys.stderr
        )
        return 1
    output = os.path.join(args.output, args.backbone + ".pth")
    _write(output, model)
    if not args.quiet:
        print(f"wrote {output}")
    if unseen:
        found = average_precision(model, unseen, recipe, device, args.quiet)
        print(f"AP50 of frames {args.test[0]}:{args.test[1]}: {found:.4f}")
    return 0


def _follow(trainer: Trainer, args: argparse.Namespace) -> None:
    """Train to the end, from the folder's checkpoint if there is one."""
    from patchskip.training import checkpoint

    settings = _settings(args)
    state = checkpoint.load(args.output, args.backbone, settings)
    if state is not None:
        trainer.restore(state)
        if not args.quiet:
            print(f"{args.backbone}: going on after step {state['done']} of {args.steps}, from {args.output}")
    with Progress(f"train {args.backbone}", args.steps, args.quiet) as progress:

        def report(done: int, entry: dict[str, float]) -> None:
            checkpoint.save(args.output, args.backbone, settings, trainer.state())
            atomic_json(os.path.join(args.output, args.backbone + ".json"), trainer.log)
            progress.update(done, ", ".join(f"{name} {value:.3f}" for name, value in entry.items()))

        trainer.run(report)


def _settings(args: argparse.Namespace) -> dict:
    """What a checkpoint must have in common with the training that goes on from it."""
    return {
        "backbone": args.backbone,
        "begun from": sha256(args.checkpoint) if args.checkpoint else None,
        "ground truth": sha256(args.gt),
        **{name: getattr(args, name) for name in ("source", "steps", "batch", "rate", "bf16", "seed")},
        **{name: list(getattr(args, name)) for name in ("frames", "size", "crop")},
    }


def _write(path: str, model: nn.Module) -> None:
    """A state_dict on the CPU; the same parameters give the same bytes, which torch.save's do not by a file's name."""
    import torch

    content = io.BytesIO()
    torch.save({name: value.cpu().contiguous() for name, value in model.state_dict().items()}, content)
    with atomic_path(path) as target, open(target, "wb") as file:
        file.write(content.getvalue())


if __name__ == "__main__":
    sys.exit(main())
