"""MobileHumanPose's loss (Choi et al., CVPRW 2021), and one that makes its volumes peaked from the first steps on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .views import Targets

SPREAD = 1.0  # cells: standard deviation of the peak that a volume should have


class Loss(nn.Module):
    """`loss(volumes, targets)`, volumes [N, J * D, D, D] -> {"total", "place", "peak"}, scalars, means over joints.

    place   how far the soft-argmax is off, in cells, as a mean of the three axes (Sun et al., ECCV 2018)
    peak    the divergence (Kullback and Leibler) of the softmax from a Gaussian around the joint: the soft-argmax
            alone is also right when the volume is flat on both sides, and learns slowly from there
    """

    def forward(self, volumes: Tensor, targets: Targets) -> dict[str, Tensor]:
        known, size = targets.known, volumes.shape[-1]
        cells = volumes.float().reshape(*known.shape, size, size, size)
        places = targets.places * size
        axis = torch.arange(size, dtype=torch.float32, device=cells.device)
        total = cells.flatten(2).logsumexp(2)
        shares = (cells - total[..., None, None, None]).exp()
        plane = shares.sum(2)
        sides = torch.stack([plane.sum(2), plane.sum(3), shares.sum((3, 4))], 2)  # [N, J, 3, D], along x, y, z
        off = (sides @ axis - places).abs().mean(2)
        wanted = (-((axis - places[..., None]) ** 2) / (2 * SPREAD**2)).softmax(3)
        x, y, z = wanted.unbind(2)
        likely = torch.einsum("njzyx,njz,njy,njx->nj", cells, z, y, x) - total
        divergence = torch.special.entr(wanted).sum((2, 3)).neg() - likely
        count = known.sum().clamp(min=1)
        place, peak = ((term * known).sum() / count for term in (off, divergence))
        return {"total": place + peak, "place": place, "peak": peak}
