"""YOLOv5s up to stride 4, the backbone of FairMOT's light variant: CSP stages down, a top-down path back up."""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPSILON = 1e-3  # of BatchNorm
CHANNELS = 64  # of the result


class Conv(nn.Module):
    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(c_out, eps=EPSILON)
        self.act = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))


class Focus(nn.Module):
    """The four pixels of every 2x2 square become channels."""

    def __init__(self, c_in: int, c_out: int, kernel: int):
        super().__init__()
        self.conv = Conv(4 * c_in, c_out, kernel)

    def forward(self, x: Tensor) -> Tensor:
        upper, lower = x[..., ::2, :], x[..., 1::2, :]
        return self.conv(torch.cat([upper[..., ::2], lower[..., ::2], upper[..., 1::2], lower[..., 1::2]], 1))


class Bottleneck(nn.Module):
    def __init__(self, channels: int, shortcut: bool):
        super().__init__()
        self.shortcut = shortcut
        self.cv1 = Conv(channels, channels, 1)
        self.cv2 = Conv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.cv2(self.cv1(x))
        return x + y if self.shortcut else y


class C3(nn.Module):
    """Cross stage partial: one half goes through the bottlenecks, the other around them."""

    def __init__(self, c_in: int, c_out: int, repeats: int = 1, shortcut: bool = True):
        super().__init__()
        half = c_out // 2
        self.cv1 = Conv(c_in, half, 1)
        self.cv2 = Conv(c_in, half, 1)
        self.cv3 = Conv(2 * half, c_out, 1)
        self.m = nn.Sequential(*(Bottleneck(half, shortcut) for _ in range(repeats)))

    def forward(self, x: Tensor) -> Tensor:
        return self.cv3(torch.cat([self.m(self.cv1(x)), self.cv2(x)], 1))


class SPP(nn.Module):
    """Spatial pyramid pooling."""

    def __init__(self, c_in: int, c_out: int, kernels: tuple[int, ...] = (5, 9, 13)):
        super().__init__()
        half = c_in // 2
        self.cv1 = Conv(c_in, half, 1)
        self.cv2 = Conv(half * (1 + len(kernels)), c_out, 1)
        self.m = nn.ModuleList(nn.MaxPool2d(kernel, 1, kernel // 2) for kernel in kernels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.cv1(x)
        return self.cv2(torch.cat([x, *(pool(x) for pool in self.m)], 1))


class Join(nn.Module):
    """Concatenates what an earlier layer made."""

    def __init__(self, layer: int):
        super().__init__()
        self.layer = layer


class YOLOv5s(nn.Module):
    """[N, 3, H, W], a multiple of 32 -> [N, 64, H / 4, W / 4]."""

    def __init__(self) -> None:
        super().__init__()
        up = nn.Upsample(scale_factor=2, mode="nearest")
        self.model = nn.Sequential(
            Focus(3, 32, 3),
            Conv(32, 64, 3, 2),
            C3(64, 64),
            Conv(64, 128, 3, 2),
            C3(128, 128, 3),
            Conv(128, 256, 3, 2),
            C3(256, 256, 3),
            Conv(256, 512, 3, 2),
            SPP(512, 512),
            C3(512, 512, shortcut=False),
            Conv(512, 256, 1),
            up,
            Join(6),
            C3(512, 256, shortcut=False),
            Conv(256, 128, 1),
            up,
            Join(4),
            C3(256, 128, shortcut=False),
            Conv(128, 64, 1),
            up,
            Join(2),
            C3(128, CHANNELS, shortcut=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        made: list[Tensor] = []
        for layer in self.model:
            x = torch.cat([x, made[layer.layer]], 1) if isinstance(layer, Join) else layer(x)
            made.append(x)
        return x
