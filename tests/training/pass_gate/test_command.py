"""`python -m patchskip.training.pass_gate`, as a user calls it."""

import sys

import onnx
import pytest

from patchskip.export import pass_gates
from patchskip.training.pass_gate.__main__ import main

SOURCE = "synthetic://?frames=6&size=64x48&seed=1"
OPTIONS = ["net.onnx", "--source", SOURCE, "-o", "gates.npz", "--patch", "8", "--preprocess", "unit", "--steps", "2"]


@pytest.fixture(autouse=True)
def here(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    onnx.save(network, "net.onnx")


def test_trains_and_goes_on(capsys):
    small = ["--width", "4", "--at", "images", "middle"]
    assert main([*OPTIONS, *small, "--crop", "32", "32"]) == 0
    assert "2 gates" in capsys.readouterr().out
    found = pass_gates.read("gates.npz")
    assert {name: gate.form.channels for name, gate in found.items()} == {"images": 3, "middle": 8}
    assert main([*OPTIONS, *small, "--start", "gates.npz", "--distilled", "--gap", "2", "-o", "next.npz"]) == 0
    assert main([*OPTIONS, "--head", "published", "--width", "4"]) == 0
    assert pass_gates.read("gates.npz")["images"].form.grid == (6, 8)


@pytest.mark.parametrize(
    "options,words",
    [
        (["--at", "nothing"], "no place for a PASS gate"),
        (["--gap", "6"], "6 frames to train on"),
        (["--target", "3"], "the target is 3.0"),
        (["--head", "published", "--crop", "32", "32"], "tied to one size"),
        (["--start", "net.onnx"], "not a file of PASS gates"),
    ],
)
def test_bad_input(options, words, capsys):
    assert main([*OPTIONS, *options]) == 2
    assert words in capsys.readouterr().err


def test_without_pytorch(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["--help"]) == 2
    assert "pip install 'patchskip[train]'" in capsys.readouterr().err
