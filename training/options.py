"""What the commands that train have in common: options, checks of them, and how they say what they measured."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from patchskip.runtime.errors import PatchskipError

if TYPE_CHECKING:
    from .trainer import Measured

TOLERANCE = 1.15  # a target is reached when the share is at most so many times as large


def add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", metavar="VIDEO", action="append", required=True, help="may be given several times")
    parser.add_argument(
        "--part",
        nargs=2,
        type=float,
        default=(0.0, 1.0),
        metavar=("FROM", "TO"),
        help="of every source, in shares: 0 0.5 leaves the second half for tests",
    )


def add_course(parser: argparse.ArgumentParser, weight: float, steps: int, streams: int, learned: str) -> None:
    """weight, steps, streams: the command's own. learned: what it trains."""
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--target-active", type=float, metavar="A", help="share of the multiplications to end with")
    budget.add_argument(
        "--budget-weight", type=float, default=weight, metavar="W", help="their price, if no target (%(default)s)"
    )
    parser.add_argument("--steps", type=int, default=steps, metavar="N", help="of training (%(default)s)")
    parser.add_argument("--streams", type=int, default=streams, metavar="N", help="sequences at a time (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help=f"the same gives the same {learned} (%(default)s)")
    parser.add_argument("--threads", type=int, metavar="N", help="of PyTorch, in each process")


def check(args: argparse.Namespace, command: str) -> None:
    """Raises PatchskipError for numbers that the options of add_sources and add_course do not take."""
    checks = (
        ("target-active", args.target_active, args.target_active is None or 0 < args.target_active <= 1),
        ("budget-weight", args.budget_weight, 0 <= args.budget_weight < float("inf")),
        ("part", args.part, 0 <= args.part[0] < args.part[1] <= 1),
        ("steps", args.steps, args.steps > 0),
        ("streams", args.streams, args.streams > 0),
        ("threads", args.threads, args.threads is None or args.threads > 0),
        ("seed", args.seed, args.seed >= 0),
    )
    require(checks, command)


def place_of(output: str) -> str:
    """The folder that a file is written to."""
    return os.path.dirname(os.path.abspath(output))


def reached(target: float | None, active: float) -> bool:
    """Is the share of the multiplications the one that was asked for?"""
    return target is None or active <= TOLERANCE * target


def require(checks: Iterable[tuple[str, object, bool]], command: str = "") -> None:
    """checks: (option, value, is it right?). Raises PatchskipError for the first that is not, and names the `command`
    whose help says what it is."""
    for name, value, right in checks:
        if not right:
            asked = f"`{command} --help`" if command else "--help"
            raise PatchskipError(f"--{name} {value} is not possible; {asked} says what it is")


def require_torch() -> None:
    """Raises PatchskipError when PyTorch is not installed."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise PatchskipError(
            "training needs PyTorch, which is not installed; pip install 'patchskip[train]'"
        ) from error


def described(measured: Measured) -> str:
    terms = ", ".join(f"{name} {value:.3f}" for name, value in measured.terms.items())
    return f"{measured.active:.2%} of the multiplications; off the dense network: {terms}"
