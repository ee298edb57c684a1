"""ResNet-18 (He et al., CVPR 2016), and the way from its stride of 32 back to 4 that CenterNet put behind it."""

from __future__ import annotations

from torch import Tensor, nn

from .deformable import DeformableConv
from .dla import BasicBlock
from .dla_up import bilinear_upsampling

CHANNELS = [64, 128, 256, 512]  # of layer1 to layer4
DECODED = [256, 128, 64]  # of the three upsamplings


class Block(BasicBlock):
    """Its shortcut is its own input, through a 1x1 convolution where the shape changes."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1):
        super().__init__(c_in, c_out, stride)
        self.downsample = None
        if stride != 1 or c_in != c_out:
            conv = nn.Conv2d(c_in, c_out, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(c_out))

    def forward(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        if shortcut is None:
            shortcut = self.downsample(x) if self.downsample else x
        return super().forward(x, shortcut)


def stage(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(Block(c_in, c_out, stride), Block(c_out, c_out))


def upsampling(c_in: int, c_out: int) -> list[nn.Module]:
    """[N, c_in, H, W] -> [N, c_out, 2 H, 2 W]"""
    return [
        DeformableConv(c_in, c_out),
        nn.BatchNorm2d(c_out),
        nn.ReLU(),
        bilinear_upsampling(c_out, 2, groups=1),
        nn.BatchNorm2d(c_out),
        nn.ReLU(),
    ]
