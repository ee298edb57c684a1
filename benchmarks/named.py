"""NAME=MODEL on a command line."""

from collections.abc import Sequence

from patchskip.runtime.errors import PatchskipError


def named(texts: Sequence[str]) -> dict[str, str]:
    """-> {name: path}, as they were given. Raises PatchskipError."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals:
            raise PatchskipError(f"{text} has no name; give NAME=MODEL, such as plain={text}")
        if name in found:
            raise PatchskipError(f"{found[name]} and {path} are both called {name}; give each a name of its own")
        found[name] = path
    return found
