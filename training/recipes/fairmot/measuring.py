"""How well a FairMOT network finds the persons of a clip, before it is exported."""

from __future__ import annotations

from torch import nn

from patchskip.benchmarks import accuracy
from patchskip.runtime.tasks import centres
from patchskip.training.backbones.fairmot import HEADS
from patchskip.training.recipes.measuring import described, results

from .labelled import LabelledClip


def average_precision(model: nn.Module, clip: LabelledClip, recipe: dict, quiet: bool) -> float:
    """-> AP50, 0..1, by benchmarks/accuracy.py's conventions. The model is in inference mode."""
    decode, found = None, []
    for outputs in results(model, list(HEADS), list(clip.frames), recipe, quiet):
        decode = decode or centres.create(described(outputs, clip.frames.shape[1:3]), accuracy.CONFIDENCE)
        found.append(decode(outputs)[0])
    return accuracy.average_precision(found, clip.boxes)
