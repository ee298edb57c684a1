"""FairMOT (Zhang et al., IJCV 2021): a frame -> where persons are, and what tells each from the others.

Parameters are named as in the authors' ifzhang/FairMOT.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from .dla import CHANNELS, DLA34
from .dla_up import DLAUp, IDAUp

HEADS = {
    "hm": 1,
    "wh": 4,
    "id": 128,
    "reg": 2,
}  # centres (logits), left-top-right-bottom, embedding, offset of a centre
FINEST, COARSEST = 2, 4  # levels of DLA that reach the heads: strides 4 to 16


def plain(c_in: int, c_out: int) -> nn.Module:
    return nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)


def head(c_in: int, c_wide: int, c_out: int, activation: type[nn.Module]) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_wide, 3, padding=1), activation(), nn.Conv2d(c_wide, c_out, 1))


class FairMOT(nn.Module):
    """With DLA-34. [N, 3, H, W], a multiple of 32, of RGB / 255 -> for each head [N, its channels, H / 4, W / 4]."""

    def __init__(self, heads: Mapping[str, int] = HEADS):
        super().__init__()
        channels = CHANNELS[FINEST:]
        self.base = DLA34()
        self.dla_up = DLAUp(plain, channels)
        kept = channels[: COARSEST - FINEST + 1]
        self.ida_up = IDAUp(plain, kept[0], kept, [2**i for i in range(len(kept))])
        self.heads = list(heads)
        for name, c_out in heads.items():
            self.add_module(name, head(channels[0], 256, c_out, nn.ReLU))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps = self.dla_up(self.base(x)[FINEST:])[: COARSEST - FINEST + 1]
        finest = self.ida_up(maps)[-1]
        return tuple(self.get_submodule(name)(finest) for name in self.heads)
