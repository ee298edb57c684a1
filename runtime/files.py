"""Output files appear whole or not at all."""

import contextlib
import json
import math
import os
import sys
import uuid

from .errors import PatchskipError


@contextlib.contextmanager
def atomic_path(target):
    """Yield a path beside `target` to write to; it becomes `target` when the block ends well, and vanishes otherwise.

    The path has the target's extension, for writers that go by it. A target that is not a regular file (/dev/stdout)
    is yielded itself. An OSError in the block, such as a full disk, is raised as PatchskipError.
    """
    target = os.path.realpath(os.fspath(target))
    folder, name = os.path.split(target)
    if os.path.isdir(target):
        raise PatchskipError("cannot write {}: it is a folder; give the name of a file in it".format(target))
    if not os.path.isdir(folder):
        raise PatchskipError("cannot write {}: there is no folder {}; make it first".format(target, folder))
    whole = not os.path.exists(target) or os.path.isfile(target)
    stem, extension = os.path.splitext(name)
    path = os.path.join(folder, ".{}.{}{}".format(stem, uuid.uuid4().hex[:8], extension)) if whole else target
    try:
        yield path
        if whole:
            os.replace(path, target)
    except BrokenPipeError:
        raise
    except OSError as error:
        culprit = target if error.filename in (None, path, target) else error.filename
        raise write_error(culprit, error) from error
    finally:
        if whole and os.path.lexists(path):
            os.unlink(path)


@contextlib.contextmanager
def atomic_text(target):
    """Yield a text file that becomes `target` when the block ends well; `-` is standard output."""
    if target == "-":
        yield sys.stdout
        return
    with atomic_path(target) as path:
        with open(path, "w", encoding="utf-8") as file:
            yield file


def atomic_json(target, value):
    """Write `value` as indented JSON, whole or not at all; `-` is standard output."""
    with atomic_text(target) as file:
        file.write(json_text(value, indent=1) + "\n")


def json_text(value, **options):
    """-> JSON; NaN and the infinities, which it does not have, are null. options: of json.dumps."""
    return json.dumps(_finite(value), allow_nan=False, **options)


def _finite(value):
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return [_finite(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def write_error(target, error):
    """The PatchskipError that says why `target` could not be written."""
    reason = (error.strerror or str(error)).lower()
    return PatchskipError("cannot write {}: {}; free some space or write somewhere else".format(target, reason))
