"""A clip with ground truth: frames as the network takes them, and in each of them boxes of persons with a number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patchskip.benchmarks.accuracy import GroundTruth, frame_number
from patchskip.export.frames import fitting
from patchskip.runtime.errors import PatchskipError
from patchskip.training.recipes import frames


@dataclass
class LabelledClip:
    """frames: uint8 BGR [count, H, W, 3]. boxes: of each frame float64 [n, 4], x1 y1 x2 y2 in pixels of it; they may
    reach beyond it. people: of each frame int [n], whose boxes they are, from 0 on. identities: how many there are."""

    frames: np.ndarray
    boxes: list[np.ndarray]
    people: list[np.ndarray]
    identities: int


def read(
    spec: str, gt: str, part: tuple[int, int], size: tuple[int, int], recipe: dict, folder: str, quiet: bool
) -> LabelledClip:
    """Frames `part` of a source, fitted into `size` (H, W) as `recipe` says, as recipes/frames.py reads them.

    gt: MOTChallenge's, see GroundTruth. Raises PatchskipError when the frames are not there, or the boxes do not lie in
    them.
    """
    truth = GroundTruth(gt)
    truth.require_identities()
    fit = fitting(size, recipe)
    source, pictures = frames.read(spec, part, fit, folder, quiet)
    first, last = part
    height, width = source.size
    numbers = [frame_number(source, index) for index in range(first, last)]
    boxes = [truth.frame(number, (width, height)) for number in numbers]
    where = f"frames {first}:{last} of {spec}"
    truth.require_persons(numbers, where)
    _check(np.concatenate(boxes), (width, height), where, truth)
    ids = [truth.identities(number) for number in numbers]
    known = np.unique(np.concatenate(ids))
    scale = np.tile(fit.scale, 2)
    return LabelledClip(pictures, [b * scale for b in boxes], [np.searchsorted(known, i) for i in ids], len(known))


def _check(boxes: np.ndarray, size: tuple[int, int], where: str, truth: GroundTruth) -> None:
    """Do the boxes' centres lie in pictures of `size` (width, height)?"""
    outside = np.mean(((boxes[:, :2] + boxes[:, 2:]) / 2 > size).any(axis=1))
    if (boxes[:, 2:] <= boxes[:, :2]).any() or outside > 0.1:
        raise PatchskipError(
            f"the ground truth {truth.path} does not fit the {where}: {outside:.0%} of the boxes lie outside its "
            f"{size[0]}x{size[1]} pixels; a seqinfo.ini beside it says of which size the annotated pictures are"
        )
