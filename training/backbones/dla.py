"""DLA-34, deep layer aggregation (Yu et al., CVPR 2018): trees of residual blocks, joined by 1x1 convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = [16, 32, 64, 128, 256, 512]  # of level0 to level5


def conv_bn_relu(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c_out), nn.ReLU())


class BasicBlock(nn.Module):
    def __init__(self, c_in: int, c_out: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + shortcut)


class Root(nn.Module):
    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 1, bias=False)
        self.bn = nn.BatchNorm2d(c_out)

    def forward(self, *children: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(torch.cat(children, 1))))


class Tree(nn.Module):
    """Two blocks and the root that joins them; with two levels two trees, and the second's root reads what both made.

    level_root: the root reads the pooled input, too. joined: channels of what the caller gives the root to read.
    """

    def __init__(self, levels: int, c_in: int, c_out: int, stride: int = 1, level_root: bool = False, joined: int = 0):
        super().__init__()
        self.levels, self.stride, self.level_root = levels, stride, level_root
        joined += c_in if level_root else 0
        self.tree1: nn.Module
        self.tree2: nn.Module
        if levels == 1:
            self.tree1 = BasicBlock(c_in, c_out, stride)
            self.tree2 = BasicBlock(c_out, c_out)
            self.root = Root(2 * c_out + joined, c_out)
        else:
            self.tree1 = Tree(levels - 1, c_in, c_out, stride)
            self.tree2 = Tree(levels - 1, c_out, c_out, joined=joined + c_out)
        self.project = None
        if c_in != c_out:  # with two levels nothing reads it, but every checkpoint has it
            self.project = nn.Sequential(nn.Conv2d(c_in, c_out, 1, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x: Tensor, children: Sequence[Tensor] = ()) -> Tensor:
        pooled = functional.max_pool2d(x, self.stride) if self.stride > 1 else x
        if self.level_root:
            children = (*children, pooled)
        if self.levels > 1:
            first = self.tree1(x)
            return self.tree2(first, (*children, first))
        first = self.tree1(x, self.project(pooled) if self.project else pooled)
        second = self.tree2(first, first)
        return self.root(second, first, *children)


class DLA34(nn.Module):
    """[N, 3, H, W] -> the six levels' outputs: level i has CHANNELS[i] channels at a stride of 2^i."""

    def __init__(self) -> None:
        super().__init__()
        c0, c1, c2, c3, c4, c5 = CHANNELS
        self.base_layer = conv_bn_relu(3, c0, 7)
        self.level0 = conv_bn_relu(c0, c0, 3)
        self.level1 = conv_bn_relu(c0, c1, 3, stride=2)
        self.level2 = Tree(1, c1, c2, stride=2)
        self.level3 = Tree(2, c2, c3, stride=2, level_root=True)
        self.level4 = Tree(2, c3, c4, stride=2, level_root=True)
        self.level5 = Tree(1, c4, c5, stride=2, level_root=True)

    def forward(self, x: Tensor) -> list[Tensor]:
        x, outputs = self.base_layer(x), []
        for level in (self.level0, self.level1, self.level2, self.level3, self.level4, self.level5):
            x = level(x)
            outputs.append(x)
        return outputs
