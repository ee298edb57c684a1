"""`patchskip build` around the process that builds, which is another program here."""

import json
import sys
import time

import pytest

from patchskip import PatchskipError
from patchskip.runtime import cli
from patchskip.runtime.tensorrt import build

REQUEST = {"model": "m.onnx", "workspace": 64 * build.MIB, "verbose": False}
ANSWER = {
    "sidecar": {
        "precision": "float32",
        "tensorrt": "8.2.1.9",
        "flavour": "tensorrt",
        "plugin": {"path": "/p.so"},
        "engine": {"bytes": 5},
    },
    "notes": ["mind this"],
}


def python(program):
    return [sys.executable, "-c", "import json, os, sys, time; request = json.load(sys.stdin)\n" + program]


def run(program, quiet=True):
    return build.in_another_process(REQUEST, quiet, python(program))


@pytest.fixture
def builder(monkeypatch, tmp_path):
    """builder(program): it builds from now on; in a folder with a model of 1000 bytes"""
    (tmp_path / "m.patchskip.onnx").write_bytes(bytes(1000))
    monkeypatch.chdir(tmp_path)
    original = build.in_another_process
    return lambda program: monkeypatch.setattr(
        build, "in_another_process", lambda request, quiet: original(request, quiet, python(program))
    )


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_answer(capfd):
    assert run("print(json.dumps({'model': request['model']}))") == {"model": "m.onnx"}
    assert capfd.readouterr() == ("", "")


def test_it_is_killed():
    with pytest.raises(
        PatchskipError, match="m.onnx was killed, .*memory.*add swap, close programs.*--workspace than 64"
    ):
        run("os.kill(os.getpid(), 9)")


def test_it_crashes():
    with pytest.raises(PatchskipError, match="ended with status -6, .*'free\\(\\): invalid pointer'; --verbose"):
        run("sys.stderr.write('much\\nfree(): invalid pointer\\n'); sys.stderr.flush(); os.abort()")


def test_it_takes_long(monkeypatch, capfd):
    monkeypatch.setattr(build, "BEAT_S", 0.2)
    assert run("sys.stdout.write(json.dumps(request)); sys.stdout.flush(); time.sleep(1)", quiet=False) == REQUEST
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) >= 3 and all(line.startswith("building: ") and "MiB free" in line for line in lines)


def test_it_ends_with_the_command(monkeypatch):
    def interrupted(self, *_, **__):
        time.sleep(0.5)
        raise KeyboardInterrupt

    monkeypatch.setattr(build.subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build.in_another_process(REQUEST, True, [sys.executable, "-c", "import time; time.sleep(60)"])


def test_an_engine_and_its_description(builder, tmp_path, capsys):
    builder("open(request['output'], 'w').write('12345'); print(%r)" % json.dumps(ANSWER))
    assert cli.main(["build", "m.patchskip.onnx", "--fp16", "--json", "out.json"]) == 0
    out = capsys.readouterr().out
    assert files(tmp_path) == ["m.engine", "m.engine.json", "m.patchskip.onnx", "out.json"]
    assert (tmp_path / "m.engine").read_text() == "12345"
    sidecar = json.loads((tmp_path / "m.engine.json").read_text())
    assert sidecar.pop("seconds") >= 0 and sidecar == ANSWER["sidecar"]
    assert json.loads((tmp_path / "out.json").read_text())["output"] == "m.engine"
    assert "note: mind this" in out and "wrote m.engine" in out
    assert "trtexec --loadEngine=m.engine --plugins=/p.so" in out


@pytest.mark.parametrize(
    "program", ["print(json.dumps({'error': 'no ' + request['output']}))", "os.kill(os.getpid(), 9)"]
)
def test_nothing_is_left_of_a_failure(builder, tmp_path, program):
    builder("open(request['output'], 'w').write('123'); " + program)
    (tmp_path / "out.engine").write_text("old")
    (tmp_path / "out.engine.json").write_text("old")
    before = files(tmp_path)
    assert cli.main(["build", "m.patchskip.onnx", "-o", "out.engine"]) == 2
    assert files(tmp_path) == before
    assert (tmp_path / "out.engine").read_text() == (tmp_path / "out.engine.json").read_text() == "old"


def test_an_error_names_the_output(builder, capsys):
    builder("print(json.dumps({'error': 'cannot write ' + request['output']}))")
    assert cli.main(["build", "m.patchskip.onnx", "-o", "out.engine"]) == 2
    assert capsys.readouterr().err.endswith("cannot write out.engine\n")


def test_memory(tmp_path):
    model, meminfo = tmp_path / "m.onnx", tmp_path / "meminfo"
    model.write_bytes(bytes(10 * build.MIB))
    meminfo.write_text("MemTotal: 4000000 kB\nMemAvailable: 500000 kB\nSwapFree: 220000 kB\n")
    build.check_memory(model, 63, meminfo)
    with pytest.raises(
        PatchskipError, match="takes about 704 MiB of memory, 703 MiB are free; close programs.*add swap"
    ):
        build.check_memory(model, 64, meminfo)
    with pytest.raises(PatchskipError, match="add swap, or export with a smaller --input-size$"):
        build.check_memory(model, 64, meminfo, or_else="export with a smaller --input-size")
    meminfo.write_text("a machine of another kind\n")
    build.check_memory(model, 64, meminfo)
    build.check_memory(model, 64, tmp_path / "none")


@pytest.mark.parametrize(
    "line, words",
    [
        ("m.patchskip.onnx --workspace 0", "--workspace is 0"),
        ("m.patchskip.onnx --sm 87", "given together"),
        ("m.patchskip.onnx --sm 0 --multiprocessors 1", "--sm is 0"),
        ("m.patchskip.onnx --sm -5 --multiprocessors 1", "--sm is -5"),
        ("m.patchskip.onnx --sm 9999 --multiprocessors 1", "--sm is 9999"),
        ("m.patchskip.onnx --sm 53 --multiprocessors -1", "--multiprocessors is -1"),
        ("none.onnx", "none.onnx: no such file or directory; check the path"),
        ("m.patchskip.onnx -o nowhere/out.engine", "no folder"),
    ],
)
def test_bad_usage(builder, tmp_path, capsys, line, words):
    assert cli.main(["build", *line.split()]) == 2
    assert words in capsys.readouterr().err and files(tmp_path) == ["m.patchskip.onnx"]
