"""What the outputs' differences cost: nothing when nothing differs, more when more does."""

import pytest
import torch

from patchskip.training.distillation import Boxes, Centres, Joints, Values, distillation


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


def heads(score=0.0, shift=0.0, embedding=(1.0, 0.0)):
    """FairMOT's outputs for a picture of 16 x 16 cells: one person, whose box is 2 x 4 cells."""
    maps = {"hm": torch.full((1, 1, 16, 16), -9.0), "wh": torch.zeros(1, 4, 16, 16), "id": torch.ones(1, 2, 16, 16)}
    maps["reg"] = torch.zeros(1, 2, 16, 16)
    maps["hm"][0, 0, 5, 6] = score
    maps["wh"][0, :, 5, 6] = torch.tensor([1.0, 2.0, 1.0, 2.0])
    maps["reg"][0, 0, 5, 6] = shift
    maps["id"][0, :, 5, 6] = torch.tensor(embedding)
    return maps


def test_centres():
    terms = Centres({name: name for name in ("hm", "wh", "id", "reg")})
    same = terms(heads(), heads())
    assert {name: value.tolist() for name, value in same.items()} == {"score": [0], "box": [0], "identity": [0]}
    assert terms(heads(2.0), heads())["score"] > 0 and terms(heads(2.0), heads())["box"] == 0
    # A box 2 wide that is moved by 1 covers a third of what both cover; the score is 1/2, and 1 is added below.
    assert terms(heads(shift=1.0), heads())["box"].tolist() == pytest.approx([2 / 3 * 0.5 / 1.5])
    assert terms(heads(embedding=(0.0, 1.0)), heads())["identity"].tolist() == pytest.approx([0.5 / 1.5])
    assert terms(heads(-4.0), heads(-4.5))["score"] == 0, "a score that nobody sees"


def volumes(*places):
    """A sharp volume for each joint, 8 cells a side, at (x, y, z)."""
    maps = torch.zeros(1, len(places), 8, 8, 8)
    for joint, (x, y, z) in enumerate(places):
        maps[0, joint, z, y, x] = 50.0
    return {"maps": maps.reshape(1, -1, 8, 8)}


def test_joints():
    wanted = volumes((1, 1, 4), (1, 7, 4), (4, 4, 4))
    terms = Joints("maps", 3)
    assert terms(wanted, wanted)["joint"].tolist() == [0.0]
    # The longer side of the box is 6 cells, 5 % of which are .3: one joint of three is off by 1 / .3.
    one = terms(volumes((2, 1, 4), (1, 7, 4), (4, 4, 4)), wanted)["joint"]
    assert one.tolist() == pytest.approx([1 / (1 + 0.09) / 3], rel=1e-4)
    two = terms(volumes((2, 1, 4), (1, 7, 5), (4, 4, 4)), wanted)["joint"]
    assert two.tolist() == pytest.approx([2 * one.item()], rel=1e-4), "depth counts too"


def test_values():
    wanted = {"a": torch.arange(12.0).view(1, 3, 4), "b": torch.arange(6.0).view(1, 6)}
    assert Values()(wanted, wanted)["outputs"].tolist() == [0.0]
    mean = {name: value.mean().expand_as(value) for name, value in wanted.items()}
    assert Values()(mean, wanted)["outputs"].tolist() == pytest.approx([1.0]), "all that varies is lost"


def test_choice():
    picture = {"name": "images", "shape": [1, 32, 32, 3], "layout": "NHWC"}
    boxes = distillation({"inputs": [picture], "outputs": [{"name": "o", "shape": [1, 16 + 4 + 1, 85]}]})
    assert isinstance(boxes, Boxes)
    maps = [{"name": name, "shape": [1, n, 8, 8]} for name, n in (("hm", 1), ("wh", 4), ("id", 9), ("reg", 2))]
    assert isinstance(distillation({"inputs": [picture], "outputs": maps}), Centres)
    volume = {"name": "o", "shape": [1, 21 * 8, 8, 8]}
    assert isinstance(distillation({"inputs": [picture], "outputs": [volume]}), Joints)
    values = distillation({"inputs": [picture], "outputs": [{"name": "o", "shape": [1, 17, 8, 8]}]})
    assert isinstance(values, Values)
