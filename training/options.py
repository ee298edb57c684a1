"""Checks of a command's numbers, of which argparse knows the type only."""

from __future__ import annotations

from collections.abc import Iterable

from patchskip.runtime.errors import PatchskipError


def require(checks: Iterable[tuple[str, object, bool]], command: str = "") -> None:
    """checks: (option, value, is it right?). Raises PatchskipError for the first that is not, and names the `command`
    whose help says what it is."""
    for name, value, right in checks:
        if not right:
            asked = f"`{command} --help`" if command else "--help"
            raise PatchskipError(f"--{name} {value} is not possible; {asked} says what it is")
