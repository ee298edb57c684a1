"""Outputs that would overwrite what a command reads, or that cannot be written, are found before its work."""

import importlib
import os
import sys

import pytest

from patchskip.runtime import cli

pytest.importorskip("cv2")
pytest.importorskip("onnx")

# No network, no clip: a command that began its work would say so.
FILES = ("net.onnx", "dense.onnx", "net.engine", "net.engine.json", "clip.avi", "gates.npz", "gt.txt", "net.pth")
CALIBRATE = "calibrate net.onnx --source clip.avi"
TRAIN = "train net.onnx --source clip.avi"
FINETUNE = "finetune net.onnx --source clip.avi"
BENCHMARK = "benchmark net.onnx --source clip.avi --dense dense.onnx --gt gt.txt"

# command line -> words of the message
COMMANDS = {
    "run net.onnx clip.avi clip.avi": "clip.avi: it is the input clip.avi itself",
    "run net.onnx clip.avi link.avi": "link.avi: it is the input clip.avi itself",
    "run net.onnx ./clip.avi --save-mot clip.avi": "clip.avi: it is the input ./clip.avi itself",
    "run net.onnx clip.avi --json net.onnx": "net.onnx: it is the input",
    "run net.onnx clip.avi out.avi --plot3d ./out.avi": "./out.avi: two outputs have this name",
    "run net.engine clip.avi --json net.engine.json": "it is the input net.engine.json",
    "run net.onnx clip.avi folder": "it is a folder",
    "run net.onnx folder --json folder/out.png": "folder/out.png: it would be an image of the input folder",
    "export net.onnx -o out.onnx --json out.onnx": "two outputs",
    "export net.onnx -o folder": "it is a folder",
    "export net.onnx --gate delta --gates gates.npz -o gates.npz": "it is the input",
    "export net.onnx --gate delta --source clip.avi --json clip.avi": "it is the input",
    CALIBRATE + " -o none/c.onnx": "there is no folder",
    CALIBRATE + " -o .": "it is a folder",
    CALIBRATE + " -o c.onnx --gates-out net.onnx": "it is the input",
    CALIBRATE + " -o c.npz": "two outputs",
    CALIBRATE + " -o c.onnx --gates-out c.onnx": "two outputs",
    CALIBRATE + " -o gates.onnx --gates gates.npz": "it is the input gates.npz",
    CALIBRATE + " -o c.onnx --json none/c.json": "there is no folder",
    TRAIN + " -o net.onnx": "it is the input",
    TRAIN + " -o .": "it is a folder",
    TRAIN + " --json none/t.json": "there is no folder",
    FINETUNE + " -o net.onnx": "it is the input",
    FINETUNE + " -o folder": "it is a folder",
    FINETUNE + " -o out.onnx --json none/t.json": "there is no folder",
    "build net.onnx -o net.onnx": "it is the input",
    "build net.onnx -o out.engine --json out.engine.json": "two outputs",
    "build net.onnx --timing-cache none/cache": "there is no folder",
    "inspect net.onnx --json net.onnx": "it is the input",
    "inspect net.engine --json net.engine.json": "it is the input",
    BENCHMARK + " --json a --report a": "two outputs",
    BENCHMARK + " --json none/a.json": "there is no folder",
    BENCHMARK + " --report none/a.html": "there is no folder",
    BENCHMARK + " --report gt.txt": "it is the input",
    "compare net.onnx dense.onnx --source clip.avi --json dense.onnx": "it is the input",
    "compare net.onnx dense.onnx --source clip.avi --json none/a.json": "there is no folder",
    "doctor --json folder": "it is a folder",
}
MODULES = {
    "benchmarks.demo net.onnx": "cannot make the folder net.onnx: it is a file",
    "benchmarks.demo folder --picture none/picture.png": "there is no folder",
    "benchmarks.disturbed plain=net.onnx --source clip.avi --gt gt.txt --json gt.txt": "it is the input",
    "benchmarks.frontier plain=net.onnx --source clip.avi --plot net.onnx": "it is the input",
    "benchmarks.frontier plain=net.onnx --source clip.avi --json a --plot a": "two outputs",
    "benchmarks.gpu_check net.onnx -o net.onnx": "it is the input",
    "benchmarks.gpu_check net.onnx --json none/a.json": "there is no folder",
    "benchmarks.kernels -o none/page.md": "there is no folder",
    "benchmarks.layers --json none/a.json": "there is no folder",
    "benchmarks.roofline net.onnx --json net.onnx": "it is the input",
    "plugins.build -o none/plugin.so": "there is no folder",
    "plugins.build -o folder": "it is a folder",
    "plugins.build --conformance none/runner": "there is no folder",
    "plugins.tensorrt.build -o none/plugin.so": "there is no folder",
}
WITH_TORCH = {
    "benchmarks.eager mobilehumanpose --json none/a.json": "there is no folder",
    "training.backbones mobilehumanpose --checkpoint net.pth -o net.pth": "it is the input",
    "training.pass_gate net.onnx --source clip.avi -o net.onnx": "it is the input",
    "training.pass_gate net.onnx --source clip.avi --start gates.npz -o gates.npz": "it is the input",
    "training.recipes.fairmot --source clip.avi --gt gt.txt --frames 0:8 -o net.onnx": "net.onnx: it is a file",
    "training.recipes.mobilehumanpose --source folder/mobilehumanpose.pth --teacher net.onnx --frames 0:8 -o folder": (
        "folder/mobilehumanpose.pth itself"
    ),
}


@pytest.fixture
def refuses(tmp_path, monkeypatch, capfd):
    """refuses(main, words): that it exits with 2, says the words and touches no file."""
    for name in FILES:
        (tmp_path / name).write_text("what was there in " + name)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mobilehumanpose.pth").write_text("what was there")
    os.symlink("clip.avi", tmp_path / "link.avi")
    monkeypatch.chdir(tmp_path)

    def contents():
        return {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}

    def check(main, words):
        before = contents()
        status = main()
        out, err = capfd.readouterr()
        assert (status, out) == (2, "") and err.startswith("patchskip: cannot ") and err.count("\n") == 1, (status, err)
        assert words in err and contents() == before

    return check


@pytest.mark.parametrize("line", COMMANDS)
def test_commands(refuses, line):
    refuses(lambda: cli.main(line.split()), COMMANDS[line])


def _module(refuses, monkeypatch, line, words):
    name, *arguments = line.split()
    module = importlib.import_module("patchskip." + name + (".__main__" if name.startswith("training") else ""))
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    refuses(module.main, words)


@pytest.mark.parametrize("line", MODULES)
def test_modules(refuses, monkeypatch, line):
    _module(refuses, monkeypatch, line, MODULES[line])


@pytest.mark.parametrize("line", WITH_TORCH)
def test_modules_that_need_torch(refuses, monkeypatch, line):
    pytest.importorskip("torch")
    _module(refuses, monkeypatch, line, WITH_TORCH[line])
