"""Videos as short sequences of crops, each drawn from a seed and the numbers of its stream and its round alone."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patchskip.export.frames import Fit, require_change
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.progress import Progress
from patchskip.runtime.sources import CAMERA, Source, open_source

ALIGNED = 32  # pixels between the places where a crop may lie: no layer's patch is cut


@dataclass
class Clip:
    """frames: uint8 BGR [count, H, W, 3], of the network's input; memory-mapped: they may be more than memory holds."""

    spec: str
    frames: np.ndarray


def read(spec: str, fit: Fit, part: tuple[float, float], least: int, folder: str, quiet: bool) -> Clip:
    """The frames of `part` (shares, from and to) of a source, as `fit` makes them.

    They are kept in a file without a name in `folder`. Raises PatchskipError when there are fewer than `least`, when
    all are the same, or when the source is a camera.
    """
    source = recorded(spec)
    total = source.count or sum(1 for _ in source)
    first, last = (round(share * total) for share in part)
    frames = fitted(source, fit, first, last, folder, quiet)
    if len(frames) < least:
        raise PatchskipError(
            f"{spec} has {len(frames)} frames to train on; give a clip, or a --part of it, of {least} or more"
        )
    require_change(spec, frames)
    return Clip(spec, frames)


def recorded(spec: str) -> Source:
    """A source that gives the same frames every time. Raises PatchskipError for a camera."""
    if CAMERA.match(spec):
        raise PatchskipError(f"{spec} is a camera; record a video of it: training looks at the same frames many times")
    return open_source(spec)


def fitted(source: Source, fit: Fit, first: int, last: int, folder: str, quiet: bool) -> np.ndarray:
    """The frames first..last - 1, or as many of them as there are, in a file without a name in `folder`."""
    count = 0
    with tempfile.TemporaryFile(dir=folder) as file, Progress("read", last, quiet) as progress:
        for number, frame in enumerate(source):
            progress.update(number, source.spec)
            if number >= last:
                break
            if number >= first:
                file.write(fit(frame).tobytes())
                count += 1
        file.flush()
        shape = (count, *fit.size, 3)
        return np.memmap(file, np.uint8, "r", shape=shape) if count else np.empty(shape, np.uint8)


def excerpt(
    clips: Sequence[Clip], crop: tuple[int, int], length: int, key: Sequence[int], part: slice = slice(None)
) -> np.ndarray:
    """uint8 [length, H, W, 3]: consecutive frames of one clip, cut to `crop` somewhere, half of them mirrored; of these
    the `part`. The same key, of numbers, draws the same.
    """
    rng = np.random.default_rng(list(key))
    frames = clips[int(rng.integers(len(clips)))].frames
    start = rng.integers(len(frames) - length + 1)
    y, x = (ALIGNED * rng.integers((have - want) // ALIGNED + 1) for have, want in zip(frames.shape[1:3], crop))
    cut = frames[start : start + length][part, y : y + crop[0], x : x + crop[1]]
    return np.ascontiguousarray(cut[:, :, ::-1] if rng.random() < 0.5 else cut)
