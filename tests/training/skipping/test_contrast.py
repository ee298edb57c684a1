"""The contrast: nothing while a skipped feature is nearer to this frame's than to the last one's."""

import numpy as np
import torch

from patchskip.training.contrast import contrast


def test_contrast():
    rng = np.random.default_rng(0)
    before, now = (torch.from_numpy(rng.normal(size=(2, 4, 8, 8)).astype(np.float32)) for _ in range(2))

    def value(skipped):
        return contrast({"g": skipped}, {"g": now}, {"g": before}, {"g": 4})

    assert value(now).tolist() == [0, 0]
    near = value(now + 0.3 * (before - now))
    assert near.tolist() == [0, 0], "nearer than the margin"
    stale = value(before)
    assert ((0 < stale) & (stale < 1)).all()
    assert (value(before + 2 * (before - now)) > stale).all()
    rested = contrast({"g": now}, {"g": now}, {"g": now}, {"g": 4})
    assert rested.tolist() == [0, 0]
    skipped = now.clone().requires_grad_()
    value(skipped).sum().backward()
    assert torch.isfinite(skipped.grad).all()
