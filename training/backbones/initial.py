"""Random weights with which a network's activations are as large, and vary as much, as a trained one's."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from patchskip.export.preprocess import PRESETS, normalised
from patchskip.export.scales import generated_frames

from .deformable import DeformableConv

OFFSETS = 0.005  # gives offsets of about half a pixel


def set_random_weights(model: nn.Module, preset: str, seed: int) -> None:
    """The same for the same seed. Convolutions keep the variance; BatchNorm has the statistics of a few pictures, so
    that on pictures of this preset every layer has values of size 1, of both signs."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, DeformableConv)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.ConvTranspose2d) and module.groups == 1:  # channel by channel it stays bilinear
            taps = module.weight[:, 0].numel() / module.stride[0] ** 2  # of all channels, that meet in a pixel
            nn.init.normal_(module.weight, std=(2 / taps) ** 0.5, generator=generator)
    for module in model.modules():
        if isinstance(module, DeformableConv):  # offsets of many pixels would blow up rounding errors
            nn.init.normal_(module.conv_offset_mask.weight, std=OFFSETS, generator=generator)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momentum = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    model.train()
    with torch.no_grad():
        model(pictures(preset, seed))
    model.eval()
    for norm, value in zip(norms, momentum):
        norm.momentum = value


def pictures(preset: str, seed: int, size: tuple[int, int] = (256, 256), count: int = 4) -> Tensor:
    """[count, 3, H, W]: generated frames with the spectrum of photographs."""
    frames = generated_frames(size, count, seed)
    return torch.from_numpy(np.concatenate([normalised(frame, PRESETS[preset]) for frame in frames]))
