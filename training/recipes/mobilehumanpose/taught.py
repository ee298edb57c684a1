"""A clip of one person: frames as the network takes them, and in each of them the joints that a teacher sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from patchskip.export.frames import Fit
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.progress import Progress
from patchskip.training.recipes import frames


@dataclass
class TaughtClip:
    """frames: uint8 BGR [H, W, 3] each. joints: float64 [frames, 21, 3], x, y, z in pixels of them, z from the pelvis
    on, away from the camera."""

    frames: list[np.ndarray]
    joints: np.ndarray


def read(
    spec: str,
    part: tuple[int, int],
    fit: Fit,
    teacher: Callable[[np.ndarray], np.ndarray | None],
    folder: str,
    quiet: bool,
) -> TaughtClip:
    """Frames `part` of a source, as recipes/frames.py reads them, less those in which the teacher sees nobody.

    Raises PatchskipError when they are not there, or nobody is in any of them.
    """
    _, pictures = frames.read(spec, part, fit, folder, quiet)
    found = []
    with Progress("teacher", len(pictures), quiet) as progress:
        for number, picture in enumerate(pictures):
            found.append(teacher(picture))
            progress.update(number + 1)
    seen = [number for number, joints in enumerate(found) if joints is not None]
    if not seen:
        raise PatchskipError(
            f"the teacher sees nobody in the frames {part[0]}:{part[1]} of {spec}; give a --crop around the person"
        )
    return TaughtClip([pictures[number] for number in seen], np.array([found[number] for number in seen]))
