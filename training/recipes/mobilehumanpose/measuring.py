"""How well a network finds a person's joints, before it is exported."""

from __future__ import annotations

import numpy as np
from torch import nn

from patchskip.benchmarks.joints import share_within
from patchskip.runtime.tasks import pose
from patchskip.training.recipes.measuring import described, results

from .taught import TaughtClip


def joints_within(model: nn.Module, name: str, clip: TaughtClip, recipe: dict, quiet: bool) -> float:
    """-> share of the joints that lie where the clip has them, by benchmarks/joints.py's convention.

    name: of the network's output. The model is in inference mode.
    """
    task, found = None, []
    for frame, outputs in zip(clip.frames, results(model, (name,), clip.frames, recipe, quiet)):
        task = task or pose.create(described(outputs, frame.shape[:2]), moving=False)
        task.crop(frame)
        found.append(task(outputs))
    certain = np.ones((*clip.joints.shape[:2], 1))
    return share_within(found, np.concatenate([clip.joints, certain], axis=2)[:, None])
