"""Output files appear whole or not at all, and where nothing is lost by them."""

import contextlib
import errno
import json
import math
import os
import sys
import uuid

from .errors import PatchskipError
from .sources import IMAGES


def check_targets(targets, inputs=()):
    """Raise PatchskipError unless each of `targets` can be written, is none of `inputs`, and no two are one file.

    For the beginning of a command: what is wrong with its outputs is said before the long work, and nothing that it
    reads is overwritten, nor joined: of a folder, what is named like an image is read. Paths; None is left aside, and
    so are the target `-`, which is standard output, targets that are devices, and inputs that are no files
    (synthetic://).
    """
    files: list = []  # that are written
    for given in targets:
        if given is None or given == "-":
            continue
        target = _place(given)
        if is_device(target):
            continue
        for read in (read for read in inputs if read is not None):
            place = os.path.realpath(os.fspath(read))
            if _same(target, place):
                raise PatchskipError(
                    "cannot write {}: it is the input {} itself; give another name".format(given, read)
                )
            if os.path.dirname(target) == place and target.lower().endswith(IMAGES):
                raise PatchskipError(
                    "cannot write {}: it would be an image of the input {}; give another name".format(given, read)
                )
        for other in files:
            if _same(target, other):
                raise PatchskipError("cannot write {}: two outputs have this name; give each its own".format(given))
        files.append(target)


def make_folder(path):
    """Make a folder, and those around it, unless it is there. Raises PatchskipError when that cannot be."""
    try:
        os.makedirs(path, exist_ok=True)
    except FileExistsError:
        raise PatchskipError("cannot make the folder {}: it is a file; give another name".format(path)) from None
    except OSError as error:
        raise write_error(path, error) from error


@contextlib.contextmanager
def atomic_path(target):
    """Yield a path beside `target` to write to; it becomes `target` when the block ends well, and vanishes otherwise.

    The path has the target's extension, for writers that go by it. A target that is not a regular file (/dev/stdout)
    is yielded itself. An OSError in the block, such as a full disk, is raised as PatchskipError.
    """
    target = _place(target)
    folder, name = os.path.split(target)
    whole = not is_device(target)
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


def _place(target):
    """-> where the path leads, over links. Raises PatchskipError unless something can be written there."""
    target = os.fspath(target)
    if not is_device(target):  # where /dev/stdout leads may have no path
        target = os.path.realpath(target)
    folder = os.path.dirname(target)
    if os.path.isdir(target):
        raise PatchskipError("cannot write {}: it is a folder; give the name of a file in it".format(target))
    if not os.path.isdir(folder or "."):
        raise PatchskipError("cannot write {}: there is no folder {}; make it first".format(target, folder))
    if not os.access(target if is_device(target) else folder, os.W_OK):
        raise write_error(target, OSError(errno.EACCES, os.strerror(errno.EACCES)))
    return target


def is_device(path):
    """Or a pipe: something that is written in place."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def _same(one, other):
    return one == other or os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


def write_error(target, error):
    """The PatchskipError that says why `target` could not be written."""
    reason = (error.strerror or str(error)).lower()
    return PatchskipError("cannot write {}: {}; free some space or write somewhere else".format(target, reason))
