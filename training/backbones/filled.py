"""A backbone with its parameters, trained or random."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from patchskip.runtime.errors import PatchskipError

from . import BACKBONES, backbone

if TYPE_CHECKING:
    from torch import nn


def filled(
    name: str, size: Sequence[int] | None = None, checkpoint: str | None = None, seed: int = 0
) -> tuple[nn.Module, tuple[int, int]]:
    """-> (the network in inference mode, height and width of its input).

    size: None is the network's own. Without a checkpoint the parameters are random, the same for a seed. Raises
    PatchskipError for a size that does not suit, and for a checkpoint of another network.
    """
    chosen = backbone(name)
    height, width = size or chosen.size
    if any(n < 1 or n % chosen.stride for n in (height, width)):
        raise PatchskipError(f"--size {height} {width} does not suit {name}; give multiples of {chosen.stride}")
    model = chosen.build()
    from .checkpoint import load_checkpoint
    from .initial import set_random_weights

    if checkpoint:
        load_checkpoint(model, checkpoint)
    else:
        set_random_weights(model, chosen.preset, seed)
    return model, (height, width)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of `filled`."""
    parser.add_argument("name", metavar="NAME", help=", ".join(BACKBONES))
    parser.add_argument("--size", nargs=2, type=int, metavar=("H", "W"), help="of the input (default: the network's)")
    parser.add_argument("--checkpoint", metavar="FILE", help="trained parameters; without it they are random")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of random parameters (0)")
