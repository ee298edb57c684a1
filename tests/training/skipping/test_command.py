"""`patchskip train`: gates that export takes, the same from the same seed, whatever comes in between."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import onnx
import pytest
import torch

from patchskip.benchmarks.demo_network import build
from patchskip.export import gate_file
from patchskip.export.command import save
from patchskip.runtime import cli
from patchskip.training import checkpoint, command, contrast

pytest.importorskip("cv2")
CLIP = "synthetic://?frames=24&size=160x128&shapes=6"
ARGUMENTS = "--source {} --crop 32 64 --streams 2 --steps 10 --threads 1".format(CLIP).split()


@pytest.fixture
def train(tmp_path, monkeypatch):
    """train(*more arguments, output=name) -> exit status."""
    monkeypatch.setattr(command, "MEASURED", 1)
    save(build((128, 160)), tmp_path / "net.onnx")

    def run(*more, output="gates.npz"):
        return cli.main(["train", str(tmp_path / "net.onnx"), *ARGUMENTS, "-o", str(tmp_path / output), *more])

    return run


def test_training(train, tmp_path, capsys):
    assert train("--json", str(tmp_path / "result.json")) == 0
    said = capsys.readouterr().out
    result = json.loads((tmp_path / "result.json").read_text())
    assert "of the multiplications" in said and 0 < result["active_macs"] < 1 and result["reached"]
    gates = gate_file.read(str(tmp_path / "gates.npz"))
    assert set(result["gates"]) == set(gates) and "images" in gates
    log = json.loads((tmp_path / "gates.checkpoint" / "gates.json").read_text())
    assert len(log) == 2 and set(log[0]["terms"]) == {"score", "box", "contrast"}
    assert "<svg" in (tmp_path / "gates.checkpoint" / "gates.html").read_text()
    out = tmp_path / "net.patchskip.onnx"
    arguments = ["--gate", "delta", "--gates", str(tmp_path / "gates.npz"), "-o", str(out), "--quiet"]
    assert cli.main(["export", str(tmp_path / "net.onnx"), *arguments]) == 0
    assert any(node.op_type == "PatchGate" for node in onnx.load(out).graph.node)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_file(train, tmp_path):
    assert train() == train(output="again.npz") == train("--seed", "1", output="other.npz") == 0
    one, again, other = ((tmp_path / name).read_bytes() for name in ("gates.npz", "again.npz", "other.npz"))
    assert one == again and one != other
    assert train() == 0, "what is finished stays finished"
    assert (tmp_path / "gates.npz").read_bytes() == one


def test_interrupted(train, interrupting, tmp_path, capsys):
    assert train(output="whole.npz") == 0
    with interrupting():
        assert train() == 130 and not (tmp_path / "gates.npz").exists()
    assert train() == 0 and "going on after round 1 of 2" in capsys.readouterr().out
    assert (tmp_path / "gates.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    logs = [(tmp_path / f"{name}.checkpoint" / "gates.json").read_text() for name in ("gates", "whole")]
    assert logs[0] == logs[1]


def test_a_loss_that_is_not_a_number(train, tmp_path, monkeypatch, capsys):
    found = contrast.contrast
    monkeypatch.setattr(contrast, "contrast", lambda *a: found(*a) * float("nan" if torch.is_grad_enabled() else 1))
    rounds = []
    monkeypatch.setattr(checkpoint, "save", lambda *a: rounds.append(a))
    assert train() == 1
    assert "the loss of round 1 is not a number" in capsys.readouterr().err
    assert not rounds and not (tmp_path / "gates.npz").exists()


def test_a_target_that_cannot_be_reached(train, tmp_path, capsys):
    assert train("--target-active", "0.0001") == 1
    assert "the target of 0.01% is not reached; this is the nearest" in capsys.readouterr().out
    assert (tmp_path / "gates.npz").exists()


def test_start(train, tmp_path):
    assert train() == 0
    start = str(tmp_path / "gates.npz")
    assert train("--gates", start, output="next.npz") == 0
    one, other = gate_file.read(start), gate_file.read(str(tmp_path / "next.npz"))
    assert set(other) <= set(one)
    assert 0 < abs(np.log(one["images"].threshold / other["images"].threshold)) < 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--target-active", "2"], "--target-active 2.0 is not possible"),
        (["--steps", "0"], "--steps 0 is not possible"),
        (["--part", "0.5", "0.5"], "--part [0.5, 0.5] is not possible"),
        (["--part", "0", "0.5"], "has 12 frames to train on"),
        (["--crop", "64", "320"], "--crop 64 320 is larger than the picture, 128 160"),
        (["--source", "absent.mp4"], "no such file"),
        (["--gates", "absent.npz"], "cannot read absent.npz"),
        (["--output", "absent/gates.npz"], "there is no folder"),
    ],
)
def test_bad_input(train, tmp_path, capsys, arguments, message):
    before = sorted(tmp_path.rglob("*"))
    assert train(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_another_training_in_the_folder(train, tmp_path, capsys):
    assert train() == 0
    assert train("--seed", "3") == 2
    assert "is of another training: its seed is 0, not 3" in capsys.readouterr().err
    (tmp_path / "gates.checkpoint" / "gates.pt").write_bytes(b"no checkpoint")
    assert train() == 2
    assert "is damaged; delete it to begin anew" in capsys.readouterr().err


def test_without_torch(train, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert train() == 2
    assert "pip install 'patchskip[train]'" in capsys.readouterr().err


def started(tmp_path, output, *launcher):
    save(build((128, 160)), tmp_path / "net.onnx")
    words = [sys.executable, *launcher, "-m", "patchskip", "train", "net.onnx", *ARGUMENTS, "-o", output]
    return subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_killed(tmp_path):
    whole = started(tmp_path, "whole.npz")
    assert whole.communicate()[0] and whole.returncode == 0
    killed, log = started(tmp_path, "gates.npz"), tmp_path / "gates.checkpoint" / "gates.json"
    while not log.exists() and killed.poll() is None:
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL and not (tmp_path / "gates.npz").exists()
    again = started(tmp_path, "gates.npz")
    assert again.communicate()[0] and again.returncode == 0
    assert (tmp_path / "gates.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


@pytest.mark.slow
def test_processes(tmp_path):
    """Two processes share the streams: the same gates but for the order of the sums, and the same bytes each time."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for output, launcher in (("one.npz", []), ("two.npz", torchrun), ("again.npz", torchrun)):
        process = started(tmp_path, output, *launcher)
        said = process.communicate()[0]
        assert process.returncode == 0 and said.count("wrote ") == 1, said
    assert (tmp_path / "two.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()
    one, two = gate_file.read(str(tmp_path / "one.npz")), gate_file.read(str(tmp_path / "two.npz"))
    assert set(one) == set(two)
    for name in one:
        assert one[name].threshold == pytest.approx(two[name].threshold, rel=1e-3)
        np.testing.assert_allclose(one[name].weights, two[name].weights, rtol=1e-2)
