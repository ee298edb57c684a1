"""What can be wrong with what a user gives: a command says it in one line, exits with 2 and leaves no file behind."""

import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import numpy as np
import onnx
import pytest

import patchskip
from patchskip.plugins import library
from patchskip.runtime import cli, opencv

pytest.importorskip("cv2")
ROOT = pathlib.Path(__file__).parents[1]
SIZE = (64, 96)


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A network, its exports and clips, and everything that is wrong with a file of that kind."""
    from patchskip.benchmarks.demo_network import build
    from patchskip.export import convert
    from patchskip.export.command import save

    folder = tmp_path_factory.mktemp("bad")
    network = build(SIZE)
    exported = convert(network, gate="exact").model
    save(network, folder / "net.onnx")
    save(exported, folder / "net.patchskip.onnx")
    save(convert(build((96, 96))).model, folder / "square.patchskip.onnx")
    _models(folder, network, exported)
    _sources(folder)
    (folder / "text.gt.txt").write_text("no ground truth\n")
    return folder


def _models(folder, network, exported):
    (folder / "text.onnx").write_text("this is no network\n" * 50)
    (folder / "empty.onnx").touch()
    (folder / "cut.onnx").write_bytes((folder / "net.onnx").read_bytes()[:-200])
    (folder / "cut.patchskip.onnx").write_bytes((folder / "net.patchskip.onnx").read_bytes()[:-200])
    for name, model in (("opset.onnx", network), ("opset.patchskip.onnx", exported)):
        model = onnx.ModelProto.FromString(model.SerializeToString())
        next(entry for entry in model.opset_import if not entry.domain).version = 999
        (folder / name).write_bytes(model.SerializeToString())
    dynamic = onnx.ModelProto.FromString(network.SerializeToString())
    for value in (*dynamic.graph.input, *dynamic.graph.output):
        value.type.tensor_type.shape.dim[2 if len(value.type.tensor_type.shape.dim) == 4 else 1].dim_param = "n"
    (folder / "dynamic.onnx").write_bytes(dynamic.SerializeToString())


def _sources(folder):
    cv2 = opencv.load()
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, SIZE + (3,), np.uint8) for _ in range(4)]
    for name, changed in (("clip", {}), ("sizes", {2: np.zeros((64, 98, 3), np.uint8)}), ("broken", {})):
        (folder / name).mkdir()
        for i, frame in enumerate(frames):
            cv2.imwrite(str(folder / name / f"{i + 1}.png"), changed.get(i, frame))
    (folder / "broken" / "3.png").write_bytes((folder / "broken" / "3.png").read_bytes()[:40])
    (folder / "nothing").mkdir()
    (folder / "empty.avi").touch()
    (folder / "text.avi").write_text("this is no video\n" * 500)
    writer = cv2.VideoWriter(str(folder / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, SIZE[::-1])
    for _ in range(20):
        writer.write(frames[0])
    writer.release()
    (folder / "cut.avi").write_bytes((folder / "clip.avi").read_bytes()[:50000])


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def assert_one_line(status, out, err, *words):
    assert status == 2 and "Traceback" not in out + err, (status, out, err)
    assert err.startswith("patchskip: ") and err.count("\n") == 1, err
    missing = [word for word in words if word not in err]
    assert not missing, f"{err!r} does not say {missing}"


@pytest.fixture
def refused(workplace, monkeypatch, capfd):
    """refused(command line, words of the message)"""
    monkeypatch.chdir(workplace)

    def check(line, *words):
        before = listing(workplace)
        status = cli.main(line.split())
        assert_one_line(status, *capfd.readouterr(), *words)
        assert listing(workplace) == before, "a file was left behind"

    return check


# A file that is wrong -> words that the line holds. {} is the file's place in a command.
MODELS = {
    "text.onnx": [],
    "empty.onnx": [],
    "none.onnx": ["no such file"],
    "cut.onnx": [],
    "cut.patchskip.onnx": [],
    "opset.onnx": ["999"],
    "opset.patchskip.onnx": ["999"],
}
TAKE_A_MODEL = [
    "export {} -o out.onnx --json out.json",
    "run {} clip out.avi --json out.json",
    "benchmark {} --source clip --dense net.onnx --json out.json --report out.html",
    "benchmark net.patchskip.onnx --source clip --dense {} --json out.json --report out.html",
    "compare {} net.onnx --source clip --json out.json",
    "compare net.patchskip.onnx {} --source clip --json out.json",
]


@pytest.mark.parametrize("line", [*TAKE_A_MODEL, "inspect {} --json out.json"])
@pytest.mark.parametrize("model", MODELS)
def test_models(refused, model, line):
    if line.startswith("inspect") and model == "opset.patchskip.onnx":
        pytest.skip("inspect reads an export's metadata, whatever runs it")
    refused(line.format(model), model, *MODELS[model])


SOURCES = {
    "none.avi": ["no such file", "check the path"],
    "empty.avi": ["empty", "copy it again"],
    "text.avi": ["cannot decode", "convert it"],
    "cut.avi": ["copy it again"],
    "nothing": ["holds no image", "check the path"],
    "broken": ["cannot decode", "3.png", "copy it again"],
    "sizes": ["frame 3 is 98x64", "96x64", "of one size"],
    "odd://camera": ["unknown kind", "give a video"],
}
TAKE_A_SOURCE = [
    "export net.onnx -o out.onnx --gate delta --source {}",
    "run net.patchskip.onnx {} out.avi --json out.json --save-mot out.txt",
    "benchmark net.patchskip.onnx --dense net.onnx --source {} --json out.json --report out.html",
    "compare net.patchskip.onnx net.onnx --source {} --json out.json",
    "compare net.patchskip.onnx --full --source {} --json out.json",
]


@pytest.mark.parametrize("line", TAKE_A_SOURCE)
@pytest.mark.parametrize("source", SOURCES)
def test_sources(refused, source, line):
    if line.startswith("export") and source == "cut.avi":
        pytest.skip("export looks at the first frames, which are whole")
    refused(line.format(source), source, *SOURCES[source])


SHAPES = {
    "export dynamic.onnx -o out.onnx": ["dynamic.onnx", "'n'", "--input-size"],
    "export net.onnx -o out.onnx --input-size 0 96": ["--input-size", "0", "1 or more"],
    "run net.onnx clip out.avi": ["net.onnx", "ordinary ONNX", "patchskip export"],
    "run dynamic.onnx clip out.avi": ["dynamic.onnx", "patchskip export"],
    "compare dynamic.onnx dynamic.onnx --source clip": ["dynamic.onnx", "'n'"],
    "compare net.patchskip.onnx square.patchskip.onnx --source clip": ["output", "126", "189"],
    "export net.patchskip.onnx -o out.onnx": ["already", "exported from"],
    "benchmark net.patchskip.onnx --dense net.patchskip.onnx --source clip": ["already", "exported from"],
    "benchmark net.onnx --dense net.onnx --source clip": ["net.onnx", "patchskip export"],
    "benchmark net.patchskip.onnx --dense net.onnx --source clip --gt none.txt": ["none.txt"],
    "benchmark net.patchskip.onnx --dense net.onnx --source clip --gt text.gt.txt": ["text.gt.txt"],
}


@pytest.mark.parametrize("line", SHAPES)
def test_shapes_and_kinds(refused, line):
    refused(line, *SHAPES[line])


# Every place where a file is written.
WRITES = [
    "export net.onnx -o OUT.onnx",
    "export net.onnx -o /dev/null --json OUT.json",
    "inspect net.onnx --json OUT.json",
    "doctor --json OUT.json",
    "run net.patchskip.onnx clip OUT.avi",
    "run net.patchskip.onnx clip OUT.mp4",
    "run net.patchskip.onnx clip --json OUT.json",
    "run net.patchskip.onnx clip --save-mot OUT.txt --conf 0",
    "benchmark net.patchskip.onnx --dense net.onnx --source clip --json OUT.json",
    "benchmark net.patchskip.onnx --dense net.onnx --source clip --report OUT.html",
    "compare net.patchskip.onnx net.onnx --source clip --json OUT.json",
]
ON_A_FULL_DISK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
from patchskip.runtime.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("line", WRITES)
def test_a_disk_that_is_full(workplace, line):
    before = listing(workplace)
    process = subprocess.run(
        [sys.executable, "-c", ON_A_FULL_DISK, *line.replace("OUT", "out").split(), "--quiet"],
        cwd=workplace,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    (name,) = re.findall(r"out\S+", line.replace("OUT", "out"))
    assert_one_line(process.returncode, process.stdout, process.stderr, "cannot write", name, "free some space")
    assert listing(workplace) == before, "a file was left behind"


@pytest.mark.parametrize("line", [line for line in WRITES if not line.endswith(("OUT.avi", "OUT.mp4"))])
def test_a_device_that_is_full(refused, line):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    line = re.sub(r"OUT\S+", "/dev/full", line)
    refused(line + " --quiet", "/dev/full", "no space left", "free some space")


@pytest.mark.parametrize("line", WRITES)
def test_a_folder_that_is_not_there(refused, line):
    refused(line.replace("OUT", "nowhere/out") + " --quiet", "nowhere", "no folder", "make it first")


def _library_missing(path):
    pass


def _library_cut(path):
    path.write_bytes(pathlib.Path(library.FILE).read_bytes()[:-1000])


def _library_of_another_machine(path):
    content = bytearray(pathlib.Path(library.FILE).read_bytes())
    content[18:20] = struct.pack("<H", 243)  # RISC-V
    path.write_bytes(content)


LIBRARIES = {_library_missing: "No such file", _library_cut: "not all of", _library_of_another_machine: "riscv64"}


@pytest.mark.parametrize("line", ["run net.patchskip.onnx clip out.avi", TAKE_A_SOURCE[2], TAKE_A_SOURCE[3]])
@pytest.mark.parametrize("damage", LIBRARIES)
def test_a_library_that_does_not_load(refused, monkeypatch, tmp_path, damage, line):
    path = tmp_path / "libpatchskip.so"
    damage(path)
    monkeypatch.setattr(library, "FILE", str(path))
    refused(line.format("clip"), str(path), LIBRARIES[damage], "plugins/build.py", "pip install .")


def _with_isa(workplace, *words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PATCHSKIP_ISA": "mmx"}
    command = [sys.executable, "-m", "patchskip", *words]
    return subprocess.run(command, cwd=workplace, env=environment, capture_output=True, text=True)


def test_an_unknown_instruction_set_is_not_ignored(workplace):
    process = _with_isa(workplace, "run", "net.patchskip.onnx", "clip")
    words = ["PATCHSKIP_ISA is 'mmx'", "portable", "unset"]
    assert_one_line(process.returncode, process.stdout, process.stderr, *words)
    process = _with_isa(workplace, "doctor")
    assert process.returncode == 1 and process.stderr == ""
    (line,) = [line for line in process.stdout.splitlines() if line.startswith("fail")]
    assert all(word in line for word in words)


def test_the_command_itself(workplace):
    """As a user calls it: nothing that `main` does not see is printed at exit."""
    shutil.copy(workplace / "text.avi", workplace / "copy.avi")
    process = subprocess.run(
        [sys.executable, "-m", "patchskip", "run", "net.patchskip.onnx", "copy.avi", "out.mp4"],
        cwd=workplace,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert_one_line(process.returncode, process.stdout, process.stderr, "copy.avi", "cannot decode")
    assert not (workplace / "out.mp4").exists()


def test_a_stream_goes_on_after_a_bad_frame(workplace):
    model = patchskip.load(workplace / "net.patchskip.onnx")
    rng = np.random.default_rng(1)
    frames = [rng.uniform(0, 255, (1, 3) + SIZE).astype(np.float32) for _ in range(3)]
    stream, expected = model.stream(), model.stream()
    good = [expected.infer({"images": frame})["output"] for frame in frames]
    spoilt = frames[1].copy()
    spoilt[0, 2, 5, 7] = np.nan
    np.testing.assert_array_equal(stream.infer({"images": frames[0]})["output"], good[0])
    for wrong, words in (
        (spoilt, "images holds NaN; clean"),
        (frames[1][..., :-1], r"images is float32 \[1, 3, 64, 95\], the model takes float32 \[1, 3, 64, 96\]"),
        (frames[1].astype(np.float64), "images is float64"),
    ):
        with pytest.raises(patchskip.PatchskipError, match=words):
            stream.infer({"images": wrong})
    for wrong, words in (
        (frames[1], r"are float32 \[1, 3, 64, 96\]"),
        ({"image": frames[1]}, r"are \['image'\]"),
        ({1: 0, "images": 0}, r"are \[1, 'images'\]"),
    ):
        with pytest.raises(patchskip.PatchskipError, match=words + r", the model takes \['images'\]; give a dict"):
            stream.infer(wrong)
    np.testing.assert_array_equal(stream.infer({"images": frames[1]})["output"], good[1])
    with pytest.raises(patchskip.PatchskipError, match="NaN"):
        stream.infer({"images": spoilt})
    stream.reset()
    np.testing.assert_array_equal(stream.infer({"images": frames[2]})["output"], good[2])
