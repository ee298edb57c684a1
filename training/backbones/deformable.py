"""Deformable convolution, version 2 (Zhu et al., CVPR 2019): a kernel whose taps are moved and weighted everywhere."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

TAPS = 9


class DeformableConv(nn.Module):
    """3x3, stride 1. Parameters are named as in the authors' PyTorch extension DCNv2."""

    opset = 19  # of ONNX: the first with DeformConv

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(c_out, c_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(c_out))
        self.conv_offset_mask = nn.Conv2d(c_in, 3 * TAPS, 3, padding=1)
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        for parameter in self.conv_offset_mask.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        offsets, mask = self.conv_offset_mask(x).split([2 * TAPS, TAPS], 1)
        convolve = _AsOneNode.apply if torch.onnx.is_in_onnx_export() else deformed
        return convolve(x, self.weight, self.bias, offsets, mask.sigmoid())


def deformed(x: Tensor, weight: Tensor, bias: Tensor, offsets: Tensor, mask: Tensor) -> Tensor:
    """x [N, C, H, W]; offsets [N, 18, H, W]: row and column of each tap; mask [N, 9, H, W] -> [N, C_out, H, W].

    Between pixels a tap reads bilinearly, outside 0.
    """
    n, _, height, width = x.shape
    rows = torch.arange(height, device=x.device)[:, None]
    columns = torch.arange(width, device=x.device)
    y = bias[:, None, None]
    for tap in range(TAPS):
        row = rows + (tap // 3 - 1) + offsets[:, 2 * tap]
        column = columns + (tap % 3 - 1) + offsets[:, 2 * tap + 1]
        grid = torch.stack([(2 * column + 1) / width - 1, (2 * row + 1) / height - 1], -1)
        read = functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        y = y + functional.conv2d(read * mask[:, tap : tap + 1], weight[:, :, tap // 3, tap % 3, None, None])
    return y


class _AsOneNode(torch.autograd.Function):
    """`deformed` in an ONNX file; the exporter only asks for the result's shape."""

    @staticmethod
    def forward(ctx, x, weight, bias, offsets, mask):
        return x.new_zeros(x.shape[0], weight.shape[0], *x.shape[2:])

    @staticmethod
    def symbolic(g, x, weight, bias, offsets, mask):
        return g.op("DeformConv", x, weight, offsets, bias, mask, kernel_shape_i=[3, 3], pads_i=[1, 1, 1, 1])
