"""How FairMOT brings DLA-34's levels back to stride 4: iterative deep aggregation, from the coarse to the fine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

Convolution = Callable[[int, int], nn.Module]  # (c_in, c_out) -> a 3x3 convolution


class ConvBnRelu(nn.Module):
    def __init__(self, convolution: Convolution, c_in: int, c_out: int):
        super().__init__()
        self.conv = convolution(c_in, c_out)
        self.actf = nn.Sequential(nn.BatchNorm2d(c_out), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.actf(self.conv(x))


def bilinear_upsampling(channels: int, factor: int, groups: int) -> nn.ConvTranspose2d:
    """Learnt from bilinear interpolation on, which the authors give to the first output of each group."""
    up = nn.ConvTranspose2d(channels, channels, 2 * factor, factor, factor // 2, groups=groups, bias=False)
    distance = (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor
    with torch.no_grad():
        up.weight[:, 0] = torch.outer(1 - distance, 1 - distance)
    return up


class IDAUp(nn.Module):
    """Maps of `channels`, each the `factors`-th part of the first's size -> as many maps of the first's size, of which
    each holds what the ones before it did. The first stays as it is, the others have `c_out` channels."""

    def __init__(self, convolution: Convolution, c_out: int, channels: Sequence[int], factors: Sequence[int]):
        super().__init__()
        self.count = len(channels)
        for i in range(1, self.count):
            self.add_module(f"proj_{i}", ConvBnRelu(convolution, channels[i], c_out))
            self.add_module(f"up_{i}", bilinear_upsampling(c_out, factors[i], groups=c_out))
            self.add_module(f"node_{i}", ConvBnRelu(convolution, c_out, c_out))

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        made = [maps[0]]
        for i in range(1, self.count):
            project, up, node = (self.get_submodule(f"{part}_{i}") for part in ("proj", "up", "node"))
            made.append(node(up(project(maps[i])) + made[-1]))
        return made


class DLAUp(nn.Module):
    """Maps of `channels`, each of half the size of the one before -> as many of the same shapes, in which each but the
    last also holds what the coarser ones did."""

    def __init__(self, convolution: Convolution, channels: Sequence[int]):
        super().__init__()
        self.count = len(channels)
        for i in range(self.count - 1):
            fine, coarse = channels[-i - 2], channels[-i - 1]
            ida = IDAUp(convolution, fine, [fine] + [coarse] * (i + 1), [1] + [2] * (i + 1))
            self.add_module(f"ida_{i}", ida)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        maps = list(maps)
        outputs = [maps[-1]]
        for i in range(self.count - 1):
            maps[-i - 2 :] = self.get_submodule(f"ida_{i}")(maps[-i - 2 :])
            outputs.insert(0, maps[-1])
        return outputs
