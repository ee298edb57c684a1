"""What a trained network makes of frames, for the runtime's own decoders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from patchskip.runtime.progress import Progress

from .pictures import tensor


def results(
    model: nn.Module, names: Sequence[str], frames: Sequence[np.ndarray], recipe: dict, quiet: bool
) -> Iterator[dict[str, np.ndarray]]:
    """Of each frame, uint8 BGR [H, W, 3], the network's outputs. The model is in inference mode."""
    device = next(model.parameters()).device
    with Progress("test", len(frames), quiet) as progress:
        for number, frame in enumerate(frames):
            with torch.no_grad():
                outputs = model(tensor([frame], recipe).to(device))
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            yield {name: output.cpu().numpy() for name, output in zip(names, outputs)}
            progress.update(number + 1)


def described(outputs: dict[str, np.ndarray], size: tuple[int, int]) -> SimpleNamespace:
    """What a decoder asks of a model. size: (height, width) of its picture."""
    return SimpleNamespace(
        inputs=[{"shape": [1, 3, *size], "layout": "NCHW"}],
        outputs=[{"name": name, "shape": list(value.shape)} for name, value in outputs.items()],
        path="the network",
    )
