"""MobileHumanPose (Choi et al., CVPRW 2021): a person's crop -> heat maps of its joints in three dimensions.

The variant with skip connections (LPSKI). Parameters are named as in the authors' SangbumChoi/MobileHumanPose.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STAGES = [  # expansion, channels, blocks, stride of the first
    (1, 64, 1, 2),
    (6, 48, 2, 2),
    (6, 48, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 2),
    (6, 160, 3, 1),
    (6, 320, 1, 1),
]
SKIPPED = (2, 3, 4)  # stages whose outputs the decoder reads
STEM, EMBEDDING, DECODED = 48, 2048, 256  # channels


def conv_bn_prelu(c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.PReLU(c_out))


class InvertedResidual(nn.Module):
    def __init__(self, c_in: int, c_out: int, stride: int, expansion: int):
        super().__init__()
        wide = c_in * expansion
        self.adds = stride == 1 and c_in == c_out
        self.conv = nn.Sequential(
            *([conv_bn_prelu(c_in, wide, 1)] if expansion > 1 else []),
            conv_bn_prelu(wide, wide, 3, stride, groups=wide),
            nn.Conv2d(wide, c_out, 1, bias=False),
            nn.BatchNorm2d(c_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)


def upsampling(c_in: int, c_skip: int) -> nn.Sequential:
    """A step of the decoder: [N, c_skip + c_in, H, W] -> [N, 256, 2 H, 2 W]."""
    return nn.Sequential(
        nn.Conv2d(c_skip + c_in, c_skip, 1),
        nn.BatchNorm2d(c_skip),
        nn.PReLU(c_skip),
        nn.Conv2d(c_skip, DECODED, 3, padding=1),
        nn.BatchNorm2d(DECODED),
        nn.PReLU(DECODED),
        nn.UpsamplingBilinear2d(scale_factor=2),
    )


class MobileHumanPose(nn.Module):
    """[N, 3, H, W], a multiple of 64, of normalised RGB -> [N, joints x depth, H / 8, W / 8] (large: / 4).

    joints: 21, or 18 when trained on MuCo. large: twice the resolution everywhere, 64 steps of depth instead of 32.
    """

    def __init__(self, joints: int = 21, large: bool = False):
        super().__init__()
        self.first_conv = conv_bn_prelu(3, STEM, 3, stride=1 if large else 2)
        blocks, channels, last = [], STEM, []
        for expansion, c_out, repeats, stride in STAGES:
            for i in range(repeats):
                blocks.append(InvertedResidual(channels, c_out, stride if i == 0 else 1, expansion))
                channels = c_out
            last.append(len(blocks) - 1)
        self.inv_residual = nn.Sequential(*blocks)
        self.skipped = [last[stage] for stage in SKIPPED]
        self.last_conv = conv_bn_prelu(channels, EMBEDDING, 1)
        fine, middle, coarse = (STAGES[stage][1] for stage in SKIPPED)
        self.deconv0 = upsampling(EMBEDDING, coarse)
        self.deconv1 = upsampling(DECODED, middle)
        self.deconv2 = upsampling(DECODED, fine)
        self.final_layer = nn.Conv2d(DECODED, joints * (64 if large else 32), 1)

    def forward(self, x: Tensor) -> Tensor:
        x, skips = self.first_conv(x), []
        for i, block in enumerate(self.inv_residual):
            x = block(x)
            if i in self.skipped:
                skips.append(x)
        x = self.last_conv(x)
        for decode in (self.deconv0, self.deconv1, self.deconv2):
            x = decode(torch.cat([skips.pop(), x], 1))
        return self.final_layer(x)
