"""A recipe's training from its beginning, or from where it was killed, to the file of the parameters."""

from __future__ import annotations

import argparse
import io
import os
import sys

import torch
from torch import nn

from patchskip.runtime.files import atomic_json, atomic_path, check_targets, make_folder
from patchskip.runtime.progress import Progress
from patchskip.training import checkpoint
from patchskip.training.processes import reproducible
from patchskip.training.trainer import Diverged

from .trainer import Trainer


def begin(args: argparse.Namespace, labels: str) -> torch.device:
    """Make the folder --output, let everything after it be drawn from --seed. -> where to compute.

    labels: the file that they come from. Raises PatchskipError when the folder holds what would be overwritten.
    """
    make_folder(args.output)
    files = [os.path.join(args.output, args.backbone + ending) for ending in (".pth", ".json", checkpoint.ENDING)]
    check_targets(files, [args.source, args.checkpoint, labels])
    reproducible(args.threads)
    torch.manual_seed(args.seed)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def trained(trainer: Trainer, model: nn.Module, settings: dict, args: argparse.Namespace) -> bool:
    """Train to the end, write the model's parameters to the folder. False when the loss diverges, which is said.

    settings: what a checkpoint must have in common with the training. Raises PatchskipError for one of another.
    """
    try:
        _follow(trainer, settings, args)
    except Diverged as error:
        print(
            f"patchskip: {error}; the checkpoint before it stays in {args.output}; try a lower --rate", file=sys.stderr
        )
        return False
    output = os.path.join(args.output, args.backbone + ".pth")
    _write(output, model)
    if not args.quiet:
        print(f"wrote {output}")
    return True


def _follow(trainer: Trainer, settings: dict, args: argparse.Namespace) -> None:
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


def _write(path: str, model: nn.Module) -> None:
    """A state_dict on the CPU; the same parameters give the same bytes, which torch.save's do not by a file's name."""
    content = io.BytesIO()
    torch.save({name: value.cpu().contiguous() for name, value in model.state_dict().items()}, content)
    with atomic_path(path) as target, open(target, "wb") as file:
        file.write(content.getvalue())
