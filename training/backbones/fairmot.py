"""FairMOT (Zhang et al., IJCV 2021): a frame -> where persons are, and what tells each from the others.

Parameters are named as in the authors' ifzhang/FairMOT.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from . import resnet, yolov5
from .deformable import DeformableConv
from .dla import CHANNELS, DLA34
from .dla_up import DLAUp, IDAUp

# Centres (logits), distances to left, top, right and bottom, embedding, offset of a centre within its pixel.
HEADS = {"hm": 1, "wh": 4, "id": 128, "reg": 2}
FINEST, COARSEST = 2, 4  # levels of DLA-34 that reach the heads: strides 4 to 16


class Heads(nn.Module):
    """What all variants end in: a 3x3 and a 1x1 convolution for each head."""

    def __init__(self, heads: Mapping[str, int], c_in: int, c_wide: int, activation: type[nn.Module]):
        super().__init__()
        self.heads = list(heads)
        for name, c_out in heads.items():
            wide = nn.Conv2d(c_in, c_wide, 3, padding=1)
            self.add_module(name, nn.Sequential(wide, activation(), nn.Conv2d(c_wide, c_out, 1)))

    def read(self, features: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.get_submodule(name)(features) for name in self.heads)


class FairMOT(Heads):
    """With DLA-34. [N, 3, H, W], a multiple of 32, of RGB / 255 -> for each head [N, its channels, H / 4, W / 4].

    deformable: the convolutions behind DLA-34, as published, or plain ones (dlaconv).
    """

    def __init__(self, deformable: bool):
        channels = CHANNELS[FINEST:]
        super().__init__(HEADS, channels[0], 256, nn.ReLU)
        convolution = DeformableConv if deformable else _plain
        self.base = DLA34()
        self.dla_up = DLAUp(convolution, channels)
        self.kept = COARSEST - FINEST + 1
        self.ida_up = IDAUp(convolution, channels[0], channels[: self.kept], [2**i for i in range(self.kept)])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps = self.dla_up(self.base(x)[FINEST:])
        return self.read(self.ida_up(maps[: self.kept])[-1])


class FairMOTResNet(Heads):
    """With ResNet-18 and deformable convolutions (resdcn_18). Input and outputs as of FairMOT."""

    def __init__(self) -> None:
        c1, c2, c3, c4 = resnet.CHANNELS
        u1, u2, u3 = resnet.DECODED
        super().__init__(HEADS, u3, 256, nn.ReLU)
        self.conv1 = nn.Conv2d(3, c1, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(c1)
        self.layer1 = resnet.stage(c1, c1, 1)
        self.layer2 = resnet.stage(c1, c2, 2)
        self.layer3 = resnet.stage(c2, c3, 2)
        self.layer4 = resnet.stage(c3, c4, 2)
        up = resnet.upsampling
        self.deconv_layers = nn.Sequential(*up(c4, u1), *up(u1, u2), *up(u2, u3))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.read(self.deconv_layers(x))


class FairMOTLight(Heads):
    """With YOLOv5s. Input and outputs as of FairMOT."""

    def __init__(self) -> None:
        super().__init__({**HEADS, "id": 64}, yolov5.CHANNELS, 64, nn.SiLU)
        self.backbone = yolov5.YOLOv5s()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.read(self.backbone(x))


def _plain(c_in: int, c_out: int) -> nn.Module:
    return nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)
