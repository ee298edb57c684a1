"""Random weights with which a network's activations are as large, and vary as much, as a trained one's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from patchskip.export.preprocess import PRESETS, normalised
from patchskip.export.scales import generated_frames


def set_random_weights(model: nn.Module, preset: str, seed: int) -> None:
    """The same for the same seed. Convolutions keep the variance; BatchNorm's statistics are those of one picture, so
    that every layer has values of both signs and of size 1 on pictures of this preset."""
    generator = torch.Generator().manual_seed(seed)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    momentum = {norm: norm.momentum for norm in norms}
    for norm in norms:
        norm.momentum = 1.0
    model.train()
    with torch.no_grad():
        model(picture(preset, seed))
    model.eval()
    for norm in norms:
        norm.momentum = momentum[norm]


def picture(preset: str, seed: int, size: tuple[int, int] = (256, 256)) -> Tensor:
    """[1, 3, H, W]: a generated frame with the spectrum of photographs."""
    (frame,) = generated_frames(size, count=1, seed=seed)
    return torch.from_numpy(normalised(frame, PRESETS[preset]))
