"""`python -m patchskip.training.recipes.mobilehumanpose`, as a user calls it."""

import json

import pytest
from recipe_support import AnyRecipe

from patchskip.training.backbones.__main__ import main as write_onnx
from patchskip.training.recipes.mobilehumanpose import losses
from patchskip.training.recipes.mobilehumanpose.__main__ import main

NAME = "mobilehumanpose"


@pytest.fixture
def train(clip, teacher, starting):
    """train(*more arguments, output=folder) -> exit status."""
    words = f"--teacher {teacher} --source {clip} --frames 0:8 --crop 16,0,96,96 --batch 2 --steps 4 --threads 1"
    return starting(main, words)


def test_training(train, tmp_path, capsys):
    assert train("--test", "8:12") == 0
    said = capsys.readouterr().out
    assert f"wrote {tmp_path / 'out' / NAME}.pth" in said and "joints of frames 8:12" in said
    log = json.loads((tmp_path / "out" / f"{NAME}.json").read_text())
    assert [entry["step"] for entry in log] == [2, 4]
    assert set(log[0]) == {"step", "total", "place", "peak"} and log[1]["total"] < log[0]["total"]
    words = [NAME, "-o", str(tmp_path / "net.onnx"), "--checkpoint", str(tmp_path / "out" / f"{NAME}.pth")]
    assert write_onnx(words) == 0


class TestRecipe(AnyRecipe):
    name, loss = NAME, losses.Loss


@pytest.mark.slow
def test_joints_are_found(train, tmp_path):
    """They hang on one square; some dozens of steps are enough to see where it is."""
    assert train(*"--batch 4 --steps 60 --test 8:12".split()) == 0
    log = json.loads((tmp_path / "out" / f"{NAME}.json").read_text())
    assert log[-1]["place"] < log[0]["place"] / 2 and log[-1]["peak"] < log[0]["peak"] / 2


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--frames", "0:99"], "ends at frame 12, before 99"),
        (["--frames", "3:4"], "are too few"),
        (["--source", "absent.mp4"], "no such file"),
        (["--teacher", "absent.onnx"], "absent.onnx"),
        (["--teacher", "{other}"], "has no outputs of the decoder landmarks"),
        (["--checkpoint", "absent.pth"], "cannot read absent.pth"),
        (["--crop", "1,2,3"], "--crop 1,2,3: give the left"),
        (["--crop", "500,0,96,96"], "lies outside the frame"),
        (["--crop", "0,0,20,20"], "sees nobody"),
        (["--rate", "0"], "--rate 0.0 is not possible"),
        (["--output", "{other}"], "cannot make the folder"),
    ],
)
def test_bad_input(train, tmp_path, capsys, arguments, message):
    other = tmp_path / "other.onnx"
    if "{other}" in arguments:
        assert write_onnx([NAME, "-o", str(other)]) == 0
    capsys.readouterr()
    assert train(*(word.format(other=other) for word in arguments)) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_checkpoints_of_other_trainings(train, capsys):
    assert train("--steps", "1") == 0
    assert train("--steps", "1", "--crop", "17,0,96,96") == 2
    assert "its crop is 16,0,96,96, not 17,0,96,96" in capsys.readouterr().err
