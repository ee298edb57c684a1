"""What the commands that train have in common: checks of their numbers, and how they say what they measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from patchskip.runtime.errors import PatchskipError

if TYPE_CHECKING:
    from .trainer import Measured

TOLERANCE = 1.15  # a target is reached when the share is at most so many times as large


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
