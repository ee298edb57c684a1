"""`run`, `compare` and `benchmark` with engines, on the emulated GPU with a fake TensorRT."""

import json

import numpy as np
import pytest
from engines import picture, write_engine
from machines import DESKTOP, NANO, ORIN, Machine

from patchskip.benchmarks import gpus
from patchskip.runtime import cli

cv2 = pytest.importorskip("cv2")
pytest.importorskip("onnxruntime")
SOURCE = "synthetic://?size=96x64&frames=24&noise=0&shapes=1"


@pytest.fixture
def files(tmp_path, tensorrt):
    """The network, its export and engines of it, a dense one among them."""
    tensorrt()
    network, exported = picture(gate="exact")
    (tmp_path / "net.onnx").write_bytes(network.SerializeToString())
    (tmp_path / "net.patchskip.onnx").write_bytes(exported)
    (tmp_path / "dense.engine").write_bytes(network.SerializeToString())
    write_engine(tmp_path / "net.engine", exported)
    write_engine(tmp_path / "half.engine", exported, "float16")
    return tmp_path


@pytest.fixture
def call(files, monkeypatch, capsys):
    """call(command line) -> (status, standard output, standard error)"""
    monkeypatch.chdir(files)

    def run(line):
        status = cli.main(line.split())
        return (status, *capsys.readouterr())

    return run


def test_run(call):
    status, out, err = call(f"run net.engine {SOURCE} out.avi --frames 8 --json frames.json")
    assert status == 0, err
    lines = [json.loads(line) for line in open("frames.json")]
    assert [line["frame"] for line in lines[:-1]] == list(range(1, 9))
    assert lines[0]["active_macs"] == 1 and "summary" in lines[-1]
    assert "8 frames" in out


@pytest.mark.parametrize("pair", ["net.engine net.patchskip.onnx", "net.onnx net.engine", "net.engine dense.engine"])
def test_compare(call, pair):
    status, out, err = call(f"compare {pair} --source {SOURCE} --frames 6 --json out.json")
    assert status == 0, err
    result = json.load(open("out.json"))
    assert result["rtol"] == 1e-3 and result["outputs"]["output"]["max_rel_error"] < 1e-6


def test_compare_in_half_precision(call):
    status, out, err = call(f"compare half.engine net.patchskip.onnx --source {SOURCE} --frames 6 --json out.json")
    assert status == 0, err
    result = json.load(open("out.json"))
    assert result["rtol"] == 2e-2 and 1e-6 < result["outputs"]["output"]["max_rel_error"] < 2e-3
    status, _, err = call(f"compare half.engine net.onnx --source {SOURCE} --frames 3 --rtol 1e-6")
    assert status == 1, err


def test_compare_with_a_full_recomputation(call):
    for engine in ("net.engine", "half.engine"):
        status, out, _ = call(f"compare {engine} --full --source {SOURCE} --frames 6")
        assert status == 0 and "the same (bit for bit)" in out


@pytest.mark.parametrize("dense", ["net.onnx", "dense.engine"])
def test_benchmark(call, dense):
    status, out, err = call(
        f"benchmark net.engine --source {SOURCE} --dense {dense} --task none --json out.json --report out.html"
    )
    assert status == 0, err
    result = json.load(open("out.json"))
    assert result["fidelity"]["max_rel_error"] < 1e-6 and 0 < result["active_macs"] <= 1
    where = result["environment"]
    assert where["gpu"] == "emulated (sm_53, 1 multiprocessors)" and where["tensorrt"] == "tensorrt 8.2.1.8"
    assert where["precision"] == "float32" and where["cuda_graph"] == "used"
    assert {"cpu", "isa", "library_sha256"} <= set(where)
    assert "emulated (sm_53" in out and "tensorrt 8.2.1.8" in open("out.html").read()


@pytest.mark.parametrize(
    "line, words",
    [
        (f"benchmark net.engine --dense net.onnx --source {SOURCE} --profile", ["--profile", "trtexec"]),
        (f"benchmark net.patchskip.onnx --dense dense.engine --source {SOURCE}", ["dense.engine", "ONNX file"]),
        (f"compare dense.engine net.onnx --source {SOURCE}", ["dense.engine", "without a sidecar"]),
        (f"run none.engine {SOURCE}", ["none.engine", "no such file"]),
        (f"benchmark net.engine --dense none.engine --source {SOURCE}", ["none.engine", "no such file"]),
        (f"compare net.engine none.engine --source {SOURCE}", ["none.engine", "no such file"]),
    ],
)
def test_what_can_be_wrong(call, line, words):
    status, _, err = call(line)
    assert status == 2 and err.count("\n") == 1 and all(word in err for word in words), err


class Answers(Machine):
    """`nvidia-smi` of a desktop."""

    def __init__(self, reasons):
        super().__init__(DESKTOP.files, {})
        self._reasons = reasons

    def run(self, *command):
        return (0, f"535.104, 61, 1410, 1980, {self._reasons}\n") if command[0] == "nvidia-smi" else None


def changed(machine, **files):
    return Machine({**machine.files, **files}, machine.commands)


@pytest.mark.parametrize(
    "machine, reasons",
    [
        (NANO, []),
        (ORIN, ["clocks are not fixed; run `sudo jetson_clocks`"]),
        (changed(NANO, **{"/sys/class/thermal/thermal_zone0/temp": "84000"}), ["84 degrees"]),
        (Machine(NANO.files, {}), ["nvpmodel does not tell"]),
        (Answers("0x0000000000000001"), []),
        (Answers("0x0000000000000068"), ["slowed down by its temperature", "slowed down by the hardware"]),
        (Machine({}, {}), []),
    ],
)
def test_why_times_are_not_to_be_trusted(files, machine, reasons):
    import patchskip

    found = gpus.of(patchskip.load(files / "net.engine"), machine).reasons()
    assert len(found) == len(reasons)
    assert all(reason in text for reason, text in zip(reasons, found, strict=True)), found


def test_what_times_were_measured_on(files):
    import patchskip

    model = patchskip.load(files / "net.engine")
    found = gpus.of(model, NANO).describe()
    assert found["board"] == "NVIDIA Jetson Nano Developer Kit" and found["l4t"] == "R32.7"
    assert found["power_mode"] == "MAXN" and found["jetson_clocks"] is True and found["temperature"] == 41.5
    assert found["clocks_mhz"]["gpu"] == (921, 921)
    found = gpus.of(model, Answers("0x1")).describe()
    assert found["driver"] == "535.104" and found["clocks_mhz"] == "1410 of 1980"
    assert gpus.of(patchskip.load(files / "net.patchskip.onnx")) is None
    assert np.isfinite(found["gpu_memory_mib"])
