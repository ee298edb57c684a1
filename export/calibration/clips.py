"""The frames that gates are chosen on: as the model takes them, once, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.model import frame_size
from patchskip.runtime.progress import Progress
from patchskip.runtime.sources import CAMERA, open_source

from ..frames import Cropped, fitting, require_change

LEAST = 10  # frames of a clip


@dataclass
class Clip:
    """frames: uint8 BGR [H, W, 3] of the model's input, one after the other."""

    spec: str
    frames: list[np.ndarray]


def read(
    specs: Sequence[str], model, limit: int, crop: tuple[int, int, int, int] | None, quiet: bool = False
) -> list[Clip]:
    """The first `limit` frames of each source, as `model` gets them.

    Raises PatchskipError for a source that cannot be read, is too short, or in which nothing changes.
    """
    if len(model.inputs) != 1:
        raise PatchskipError(f"{model.path} has {len(model.inputs)} inputs; calibrate takes networks with one")
    return [_read(spec, model, limit, crop, quiet) for spec in specs]


def _read(spec: str, model, limit: int, crop, quiet: bool) -> Clip:
    if CAMERA.match(spec):
        raise PatchskipError(f"{spec} is a camera; record a video of it, calibrate looks at the same frames many times")
    source = open_source(spec)
    entry, options = model.inputs[0], model.metadata.get("preprocess")
    size = frame_size(entry)
    fit = Cropped(size, options, crop) if crop else fitting(size, options)
    frames: list[np.ndarray] = []
    total = min(limit, source.count or limit)
    with Progress("read", total, quiet) as progress:
        for frame in source:
            frames.append(fit(frame)[0].copy())
            progress.update(len(frames), spec)
            if len(frames) == limit:
                break
    if len(frames) < LEAST:
        raise PatchskipError(f"{spec} has {len(frames)} frames; give a clip of {LEAST} or more")
    require_change(spec, frames)
    return Clip(spec, frames)
