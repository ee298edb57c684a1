"""The terms of the loss: nothing when nothing differs, more when more does."""

import numpy as np
import pytest
import torch

from patchskip.training.objectives import Boxes, Values, contrast, distillation


def rows(score, x=0.0):
    """A YOLOX-style output of 21 anchors and 2 classes; one object."""
    found = torch.zeros(1, 21, 7)
    found[0, 5] = torch.tensor([x, 0.5, 1.0, 1.0, score, 1.0, 0.2])
    return {"output": found}


def test_boxes():
    terms = Boxes("output")
    same = terms(rows(0.8), rows(0.8))
    assert {name: value.tolist() for name, value in same.items()} == {"score": [0.0], "box": [0.0]}
    assert terms(rows(0.8, 0.5), rows(0.8))["box"] > 0
    assert terms(rows(0.3), rows(0.8))["score"] > terms(rows(0.6), rows(0.8))["score"] > 0
    assert terms(rows(0.02), rows(0.0))["score"] == 0, "a score that nobody sees"


def test_values():
    wanted = {"a": torch.arange(12.0).view(1, 3, 4), "b": torch.arange(6.0).view(1, 6)}
    assert Values()(wanted, wanted)["outputs"].tolist() == [0.0]
    mean = {name: value.mean().expand_as(value) for name, value in wanted.items()}
    assert Values()(mean, wanted)["outputs"].tolist() == pytest.approx([1.0]), "all that varies is lost"


def test_choice():
    picture = {"name": "images", "shape": [1, 32, 32, 3], "layout": "NHWC"}
    boxes = distillation({"inputs": [picture], "outputs": [{"name": "o", "shape": [1, 16 + 4 + 1, 85]}]})
    assert isinstance(boxes, Boxes)
    values = distillation({"inputs": [picture], "outputs": [{"name": "o", "shape": [1, 17, 8, 8]}]})
    assert isinstance(values, Values)


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
