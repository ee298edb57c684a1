"""The gate: ConvMixer (Trockman and Kolter, arXiv 2201.09792) on current and previous input, and two heads.

The published head has three defects. It is tied to one resolution; it divides by the range of its logits, so that
constant ones give NaN; and, the largest of them always becoming 1 and the smallest 0, it skips at least one patch of
every frame and computes at least one. The local head mends them: one logit for each patch by a 1x1 convolution, whose
bias is a learned threshold. Nor is it drawn at random in training, where few patches should be active: most of those
would be so by chance. That nothing asks for skipping is for the
loss to mend.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from patchskip.export.pass_gates import HIDDEN, Form, TrainedGate


class Decision(NamedTuple):
    """[N, Gh, Gw] both. skip: 1 where a patch is kept, else 0, with the gradient of `probability`, which may be NaN."""

    skip: Tensor
    probability: Tensor


class PassGate(nn.Module):
    """`gate(current, previous)`, both [N, C, H, W] -> Decision. In training the published head draws it at random."""

    def __init__(self, form: Form):
        super().__init__()
        self.form = form
        side = form.patch // form.pool
        self.embedding = nn.Conv2d(2 * form.channels, form.width, side, side)
        self.embedding_norm = nn.BatchNorm2d(form.width)
        self.blocks = nn.ModuleList(_Block(form) for _ in range(form.depth))
        if form.grid:
            patches = form.grid[0] * form.grid[1]
            self.head: nn.Module = nn.Sequential(nn.Linear(form.width, HIDDEN), nn.Linear(HIDDEN, patches))
            return
        # Not published: begin with the difference, of which more means less skipping; neighbours do not count yet.
        self.head = local = nn.Conv2d(form.width, 1, 1)
        with torch.no_grad():
            self.embedding.weight[:, form.channels :] = -self.embedding.weight[:, : form.channels]
            for block in self.blocks:
                assert isinstance(block, _Block)
                block.depthwise_norm.weight.zero_()
                block.pointwise.weight.abs_()
            local.weight.abs_().neg_()

    def forward(self, current: Tensor, previous: Tensor) -> Decision:
        logits = self.logits(current, previous)
        if self.form.head == "published":
            probability = _normalised(logits + _gumbel(logits) if self.training else logits)
            drawn = torch.bernoulli(probability.detach()) if self.training else probability >= 0.5
        else:
            probability = logits.sigmoid()
            drawn = logits > 0
        hard = drawn.detach().to(probability.dtype)
        return Decision(hard + torch.nan_to_num(probability - probability.detach()), probability)

    def logits(self, current: Tensor, previous: Tensor) -> Tensor:
        """-> [N, Gh, Gw]; the larger, the sooner a patch is skipped. Raises PatchskipError on another grid."""
        rows, columns = self.form.patches((current.shape[2], current.shape[3]))
        below, right = (n * self.form.patch - have for n, have in zip((rows, columns), current.shape[2:]))
        x = F.pad(torch.cat([current, previous], 1), (0, right, 0, below))
        x = F.avg_pool2d(x, self.form.pool) if self.form.pool > 1 else x
        x = self.embedding_norm(F.gelu(self.embedding(x)))
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)) if self.form.grid else x).reshape(-1, rows, columns)

    def macs(self, size: tuple[int, int]) -> int:
        """Multiplications for one frame, an input of `size` (height, width)."""
        return self.form.macs(size)

    def trained(self) -> TrainedGate:
        """What export/pass_gates.py writes."""
        state = {name: value.detach().cpu().numpy().copy() for name, value in self.state_dict().items()}
        return TrainedGate(self.form, {name: state[name] for name in self.form.shapes()})

    @classmethod
    def restore(cls, gate: TrainedGate) -> PassGate:
        made = cls(gate.form)
        own = {name: torch.from_numpy(value.copy()) for name, value in gate.parameters.items()}
        made.load_state_dict({**made.state_dict(), **own})
        return made


class _Block(nn.Module):
    def __init__(self, form: Form):
        super().__init__()
        width = form.width
        self.depthwise = nn.Conv2d(width, width, form.kernel, padding=form.kernel // 2, groups=width)
        self.depthwise_norm = nn.BatchNorm2d(width)
        self.pointwise = nn.Conv2d(width, width, 1)
        self.pointwise_norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.depthwise_norm(F.gelu(self.depthwise(x)))
        return self.pointwise_norm(F.gelu(self.pointwise(x)))


def _normalised(logits: Tensor) -> Tensor:
    """To 0..1 over the batch. 0 / 0 when all are the same."""
    low, high = logits.min(), logits.max()
    return (logits - low) / (high - low)


def _gumbel(like: Tensor) -> Tensor:
    uniform = torch.rand_like(like).clamp(1e-6, 1 - 1e-6)
    return -(-uniform.log()).log()
