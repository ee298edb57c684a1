"""`patchskip calibrate` as a user calls it, on the demonstration's network."""

import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import onnx
import pytest

import patchskip
from patchskip.export.calibration.settings import Gates
from patchskip.runtime import cli, opencv


def calibrate(demo, *more, model="delta.patchskip.onnx", source="clip", out="out.patchskip.onnx"):
    words = ["calibrate", demo / model, "--source", demo / source, "-o", demo / out, "--threads", 2]
    words += ["--frames", 12, *more]
    return cli.main([str(word) for word in words])


@pytest.fixture(scope="module")
def result(demo):
    more = ["--max-error", 0.05, "--rounds", 1, "--json", demo / "out.json", "--gates-out", demo / "g.npz", "--quiet"]
    assert calibrate(demo, *more) == 0
    return json.loads((demo / "out.json").read_text())


def test_it_reaches_the_error_with_less(result):
    assert result["reached"] and result["task"] == "detect" and result["error"] <= 0.05
    before = [point["active_macs"] for point in result["before"] if point["error"] <= 0.05]
    assert result["active_macs"] < min(before)
    assert result["frontier"] and all(0 < point["active_macs"] < 1 for point in result["frontier"])


def test_the_model_has_the_gates_that_are_written(result, demo):
    gates = Gates(onnx.load(demo / "out.patchskip.onnx")).gates
    assert set(gates) == set(result["gates"])
    with np.load(demo / "g.npz") as file:
        for name, gate in gates.items():
            assert float(file[name]) == pytest.approx(gate.threshold) and int(file[name + ".cell"]) == gate.cell
    patchskip.load(demo / "out.patchskip.onnx").stream()


def test_an_active_share_is_a_goal_too(demo, capsys):
    assert calibrate(demo, "--target-active", 0.2, "--rounds", 0, "--fixed-cells", "--frames", 11) == 0
    said = capsys.readouterr().out
    assert "20.00% of the MACs at most" in said and "calibrated" in said and "11 frames" in said


def test_the_nearest_is_written_when_the_goal_is_out_of_reach(demo, capsys):
    gates = Gates(onnx.load(demo / "delta.patchskip.onnx")).gates
    np.savez(demo / "far.npz", **{name: 1e6 * gate.threshold for name, gate in gates.items()})
    more = ["--gates", demo / "far.npz", "--max-error", 0.001, "--rounds", 0, "--fixed-cells"]
    assert calibrate(demo, *more, out="far.patchskip.onnx") == 1
    assert "not reached; the nearest" in capsys.readouterr().out
    assert Gates(onnx.load(demo / "far.patchskip.onnx")).gates["images"].threshold < 1e6 * gates["images"].threshold


def still(folder, demo):
    for number in range(12):
        shutil.copy(demo / "clip" / "000001.png", folder / f"{number}.png")


def short(folder, demo):
    for number in range(1, 6):
        shutil.copy(demo / "clip" / f"{number:06d}.png", folder)


def mixed(folder, demo):
    short(folder, demo)
    opencv.load().imwrite(str(folder / "small.png"), np.zeros((64, 64, 3), np.uint8))


def dark(folder, demo):
    for number in range(12):
        opencv.load().imwrite(str(folder / f"{number:02d}.png"), np.full((256, 320, 3), number, np.uint8))


@pytest.mark.parametrize(
    "make, says",
    [(still, "nothing changes"), (short, "has 5 frames"), (mixed, "frames of one size"), (dark, "finds nothing")],
)
def test_clips_that_tell_nothing(demo, tmp_path, capsys, make, says):
    make(tmp_path, demo)
    assert calibrate(demo, source=tmp_path, out="no.patchskip.onnx") == 2
    assert says in capsys.readouterr().err
    assert not (demo / "no.patchskip.onnx").exists() and not (demo / "no.patchskip.npz").exists()


@pytest.mark.parametrize(
    "more, says",
    [
        (["--max-error", 0], "--max-error is 0"),
        (["--target-active", 2], "--target-active is 2"),
        (["--frames", 3], "--frames is 3"),
        (["--task", "none", "--classes", "person"], "--classes is for --task detect"),
        (["--task", "detect", "--crop", "0,0,9,9"], "--crop is for --task pose"),
        (["--task", "pose"], "no outputs of a pose network"),
        (["--patch", 8], "--patch needs the network"),
    ],
)
def test_wrong_usage(demo, capsys, more, says):
    assert calibrate(demo, *more) == 2
    assert says in capsys.readouterr().err


def test_wrong_models(demo, capsys, tmp_path):
    assert calibrate(demo, model="exact.patchskip.onnx") == 2
    assert "exact mode" in capsys.readouterr().err
    assert calibrate(demo, out="delta.patchskip.onnx") == 2
    assert "delta.patchskip.onnx itself; give another name" in capsys.readouterr().err
    np.savez(tmp_path / "g.npz", other=1.0)
    assert calibrate(demo, "--gates", tmp_path / "g.npz") == 2
    assert "does not fit the model" in capsys.readouterr().err


def test_interruption_leaves_nothing(demo, tmp_path):
    words = [sys.executable, "-m", "patchskip", "calibrate", demo / "delta.patchskip.onnx", "--source", demo / "clip"]
    words += ["-o", tmp_path / "out.patchskip.onnx", "--rounds", "1000"]
    process = subprocess.Popen(
        [str(word) for word in words],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
    )
    assert process.stdout.readline().startswith("the gates as they are")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert not list(tmp_path.iterdir())


def test_more_gates_from_the_network(demo):
    more = ["--network", demo / "network.onnx", "--patch", 8, "--rounds", 1, "--fixed-cells", "--quiet"]
    assert calibrate(demo, *more, out="more.patchskip.onnx") == 0
    gates = Gates(onnx.load(demo / "more.patchskip.onnx"))
    assert gates.patches["images"] == 8
    assert set(gates.gates) == set(Gates(onnx.load(demo / "delta.patchskip.onnx")).gates), "with a halo all had one"
