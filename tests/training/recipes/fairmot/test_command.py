"""`python -m patchskip.training.recipes.fairmot`, as a user calls it."""

import json

import pytest
import torch
from recipe_support import AnyRecipe

from patchskip.training.backbones.__main__ import main as write_onnx
from patchskip.training.recipes.fairmot import losses
from patchskip.training.recipes.fairmot.__main__ import main

NAME = "fairmot-yolo"


@pytest.fixture
def train(clip, starting):
    """train(*more arguments, output=folder) -> exit status."""
    folder, gt = clip
    words = f"--source {folder} --gt {gt} --frames 0:8 --size 64 96 --crop 32 64 --batch 2 --steps 4 --threads 1"
    return starting(main, words)


def test_training(train, tmp_path, capsys):
    assert train("--test", "8:12") == 0
    said = capsys.readouterr().out
    assert f"wrote {tmp_path / 'out' / NAME}.pth" in said and "AP50 of frames 8:12: 0." in said
    log = json.loads((tmp_path / "out" / f"{NAME}.json").read_text())
    assert [entry["step"] for entry in log] == [2, 4]
    assert set(log[0]) == {"step", "total", "heat", "reach", "offset", "identity"}
    words = [NAME, "-o", str(tmp_path / "net.onnx"), "--size", "64", "96"]
    assert write_onnx([*words, "--checkpoint", str(tmp_path / "out" / f"{NAME}.pth")]) == 0


class TestRecipe(AnyRecipe):
    name, loss = NAME, losses.Loss


def test_going_on_from_parameters(train, tmp_path):
    assert train("--steps", "1") == 0
    start = str(tmp_path / "out" / f"{NAME}.pth")
    assert train("--steps", "1", "--rate", "1e-12", "--checkpoint", start, output="next") == 0
    one, same = (torch.load(tmp_path / name / f"{NAME}.pth") for name in ("out", "next"))
    assert all(torch.allclose(one[name], same[name], atol=1e-6) for name in one if name.endswith("weight"))


@pytest.mark.slow
def test_persons_are_found(train, tmp_path, capsys):
    """Two persons on one street are learned in a hundred steps."""
    more = "--crop 64 96 --batch 4 --steps 100 --rate 3e-3 --test 8:12".split()
    assert train(*more) == 0
    log = json.loads((tmp_path / "out" / f"{NAME}.json").read_text())
    assert log[-1]["total"] < log[0]["total"] / 2
    assert float(capsys.readouterr().out.split()[-1]) > 0.5


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--frames", "0:99"], "ends at frame 12, before 99"),
        (["--frames", "3:4"], "are too few"),
        (["--source", "absent.mp4"], "no such file"),
        (["--gt", "absent.txt"], "ground truth absent.txt"),
        (["--checkpoint", "absent.pth"], "cannot read absent.pth"),
        (["--size", "60", "96"], "--size 60 96 does not suit fairmot-yolo"),
        (["--crop", "32", "128"], "--crop (32, 128) is not possible"),
        (["--steps", "0"], "--steps 0 is not possible"),
        (["--output", "{gt}"], "cannot make the folder"),
    ],
)
def test_bad_input(train, clip, capsys, arguments, message):
    assert train(*(word.format(gt=clip[1]) for word in arguments)) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_checkpoints_of_other_trainings(train, tmp_path, capsys):
    assert train("--steps", "1") == 0
    assert train("--steps", "2") == 2
    assert "its steps is 1, not 2" in capsys.readouterr().err
    torch.save({"other.weight": torch.zeros(3)}, tmp_path / "other.pth")
    assert train("--checkpoint", str(tmp_path / "other.pth"), output="next") == 2
    assert "does not fit the network" in capsys.readouterr().err
