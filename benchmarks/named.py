"""NAME=MODEL on a command line."""

from patchskip.runtime.errors import PatchskipError


def named(text: str) -> tuple[str, str]:
    """-> (name, path). Raises PatchskipError."""
    name, equals, path = text.partition("=")
    if not equals:
        raise PatchskipError(f"{text} has no name; give NAME=MODEL, such as plain={text}")
    return name, path
