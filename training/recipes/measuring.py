"""How well a FairMOT network finds the persons of a clip, before it is exported."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from patchskip.benchmarks import accuracy
from patchskip.export.preprocess import normalised
from patchskip.runtime.progress import Progress
from patchskip.runtime.tasks import centres
from patchskip.training.backbones.fairmot import HEADS

from .labelled import LabelledClip


def average_precision(model: nn.Module, clip: LabelledClip, recipe: dict, device: torch.device, quiet: bool) -> float:
    """-> AP50, 0..1, by benchmarks/accuracy.py's conventions. The model is in inference mode."""
    decode, found = None, []
    with Progress("test", len(clip.frames), quiet) as progress:
        for frame in clip.frames:
            pictures = torch.from_numpy(normalised(frame, recipe)).to(device)
            with torch.no_grad():
                outputs = {head: output.cpu().numpy() for head, output in zip(HEADS, model(pictures))}
            decode = decode or centres.create(_described(outputs, pictures), accuracy.CONFIDENCE)
            found.append(decode(outputs)[0])
            progress.update(len(found))
    return accuracy.average_precision(found, clip.boxes)


def _described(outputs: dict[str, np.ndarray], pictures: torch.Tensor) -> SimpleNamespace:
    """What the decoder asks of a model."""
    heads = [{"name": name, "shape": list(value.shape)} for name, value in outputs.items()]
    return SimpleNamespace(
        inputs=[{"shape": list(pictures.shape), "layout": "NCHW"}], outputs=heads, path="the network"
    )
