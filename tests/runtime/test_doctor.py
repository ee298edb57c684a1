"""`patchskip doctor`, on this machine and on others."""

import argparse
import json
import os
import sys
import types

import pytest
from machines import DESKTOP, NANO, NUMPY, ORIN, Machine, clocks, meminfo

from patchskip import PatchskipError
from patchskip.plugins import library
from patchskip.runtime import cli, doctor, jetson
from patchskip.runtime.doctor import gpu, software

needs_library = pytest.mark.skipif(
    not os.path.isfile(library.FILE), reason="the native library is not built: python plugins/build.py"
)


@pytest.fixture
def ask(tmp_path, capsys):
    """ask(machine) -> (exit status, {check: {"status", "found", "mend"}}) on a machine without a GPU's driver."""

    def run(machine=None):
        target = tmp_path / "doctor.json"
        status = doctor.main(argparse.Namespace(json=str(target), quiet=False), machine)
        report = json.loads(target.read_text())
        assert report["ok"] == (status == 0)
        printed = capsys.readouterr().out
        assert all(check["check"] in printed for check in report["checks"] if check["status"] != "skip")
        return status, {check["check"]: check for check in report["checks"]}

    return run


def found(checks, name, status, *words):
    check = checks[name]
    assert check["status"] == status, check
    text = check["found"] + "; " + check["mend"]
    assert all(word in text for word in words), text
    assert bool(check["mend"]) == (status in ("warn", "fail")), check


def changed(machine, files=(), commands=()):
    return Machine({**machine.files, **dict(files)}, {**machine.commands, **dict(commands)})


def test_without_the_library(monkeypatch, tmp_path, ask):
    monkeypatch.setattr(library, "FILE", str(tmp_path / "none.so"))
    status, checks = ask()
    assert status == 1 and list(checks)[-1] == "native library"
    found(checks, "python", "ok")
    found(checks, "numpy", "ok")
    found(checks, "native library", "fail", "none.so", "plugins/build.py")


@needs_library
def test_with_the_library(capsys):
    assert cli.main(["doctor", "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    checks = {check["check"]: check for check in report["checks"]}
    assert report["ok"] and checks["self-check"]["status"] == "ok"
    assert library.isa() in checks["instruction set"]["found"]


def test_a_missing_package(monkeypatch, ask):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    status, checks = ask(DESKTOP)
    assert status == 1
    found(checks, "onnxruntime", "fail", "pip install onnxruntime")
    found(ask(NANO)[1], "onnxruntime", "warn", "engines do without")


def test_python_3_6_keeps_a_numpy_that_runs_on_the_nano(monkeypatch, ask):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(sys, "version_info", (3, 6, 9))
    found(ask(NANO)[1], "onnxruntime", "warn", "pip install onnxruntime numpy==1.19.4")


@needs_library
def test_a_compiler_that_is_too_old(monkeypatch, ask):
    found(ask()[1], "native library", "ok", library.compiler())
    monkeypatch.setattr(library, "compiler", lambda: "GCC 7.5.0")
    found(ask()[1], "native library", "warn", "GCC 7.5.0", "twice as long", "sudo apt install g++-8")


@needs_library
def test_a_wrong_kernel(monkeypatch, ask):
    from patchskip.runtime import selfcheck

    monkeypatch.setattr(selfcheck.patches, "patch_skip", lambda *a, **k: (0, 0))
    status, checks = ask()
    assert status == 1 and checks["self-check"]["status"] == "fail"


def test_threads(monkeypatch):
    monkeypatch.setenv("PATCHSKIP_THREADS", "many")
    status, text, mend = software.threads(DESKTOP)
    assert status == "warn" and "many" in text and mend


@needs_library
def test_a_machine_without_gpu(ask):
    status, checks = ask(DESKTOP)
    assert status == 0
    found(checks, "gpu", "ok", "no GPU: models run on the CPU")
    for name in ("jetson", "power mode", "clocks", "temperature", "group", "tensorrt", "cuda compiler", "plugin"):
        found(checks, name, "skip")


def test_a_nano_that_is_set_up(ask):
    _, checks = ask(NANO)
    found(checks, "jetson", "ok", "Nano", "L4T R32.7", "JetPack 4.6.1", "TensorRT 8.2")
    found(checks, "numpy", "ok", "1.19.4")
    found(checks, "power mode", "ok", "MAXN")
    found(checks, "clocks", "ok", "gpu 921 to 921 MHz", "cpu 1479 to 1479")
    found(checks, "temperature", "ok", "42")
    found(checks, "group", "ok")
    found(checks, "memory", "ok", "2400 of 3964 MiB", "6078 MiB of swap")
    found(checks, "gpu", "fail", "driver")  # a Jetson has one; here there is none


def test_numpy_that_kills_python_ends_the_search(ask):
    status, checks = ask(changed(NANO, commands={"python3 -c " + NUMPY: (-4, "")}))
    assert status == 1 and list(checks) == ["python", "numpy"]
    found(checks, "numpy", "fail", "Illegal instruction", "numpy==1.19.4", "OPENBLAS_CORETYPE")


@pytest.mark.parametrize(
    "machine, name, status, words",
    [
        (
            changed(NANO, {"/etc/nv_tegra_release": "# R32 (release), REVISION: 6.1, GCID: 27863751"}),
            "jetson",
            "fail",
            ["JetPack 4.6,", "TensorRT 8.0", "4.6.1 or newer"],
        ),
        (
            Machine({"/proc/device-tree/model": "NVIDIA Jetson Nano Developer Kit"}, {}),
            "jetson",
            "warn",
            ["/etc/nv_tegra_release", "container"],
        ),
        (ORIN, "jetson", "ok", ["R36.4", "JetPack 6.1 or newer", "TensorRT 10.3"]),
        (changed(NANO, {"/proc/meminfo": meminfo(3964, 2400, 1982)}), "memory", "warn", ["swapon", "building"]),
        (changed(NANO, {"/proc/meminfo": meminfo(3964, 700, 6000)}), "memory", "warn", ["sudo init 3"]),
        (
            changed(NANO, commands={"nvpmodel -q": "NV Power Mode: 5W\n1\n"}),
            "power mode",
            "warn",
            ["5W", "MAXN", "nvpmodel -m 0"],
        ),
        (changed(NANO, commands={"nvpmodel -q": None}), "power mode", "warn", ["nvpmodel"]),
        (ORIN, "power mode", "warn", ["25W", "MAXN_SUPER", "nvpmodel -m 2"]),
        (ORIN, "clocks", "warn", ["306 to 1020", "jetson_clocks"]),
        (
            changed(NANO, {"/sys/class/thermal/thermal_zone1/temp": "83000"}),
            "temperature",
            "warn",
            ["83", "let it cool"],
        ),
        (changed(NANO, commands={"id -Gn": "me adm"}), "group", "fail", ["usermod -aG video"]),
    ],
)
def test_what_a_jetson_lacks(ask, machine, name, status, words):
    found(ask(changed(machine, commands={"python3 -c " + NUMPY: "1.19.4"}))[1], name, status, *words)


def opencv(monkeypatch, **contents):
    monkeypatch.setitem(sys.modules, "cv2", types.SimpleNamespace(__version__="4.1.1", __file__="cv2.so", **contents))


@pytest.mark.parametrize("answer, status", [("YES (1.14.5)", "ok"), ("NO", "fail")])
def test_an_opencv_without_gstreamer(monkeypatch, answer, status):
    text = "  Video I/O:\n    FFMPEG:   YES\n    GStreamer:   {}\n".format(answer)
    opencv(monkeypatch, getBuildInformation=lambda: text)
    check = software.video(NANO)
    assert check[0] == status and "cv2.so" in check[1]
    assert status == "ok" or "pip3 uninstall opencv-python" in check[2]
    assert software.video(DESKTOP)[0] == "ok"


def test_an_opencv_that_comes_too_late(monkeypatch):
    def fail():
        raise ImportError("/usr/lib/aarch64-linux-gnu/libgomp.so.1: cannot allocate memory in static TLS block")

    opencv(monkeypatch, getBuildInformation=fail)
    assert "LD_PRELOAD=/usr/lib/aarch64-linux-gnu/libgomp.so.1" in software.video(NANO)[2]


@pytest.fixture
def emulated(monkeypatch):
    from patchskip.plugins.cuda import emulator

    monkeypatch.setenv("PATCHSKIP_LIBCUDA", emulator.library())


def test_a_gpu(emulated):
    status, text, _ = gpu.device(DESKTOP)
    assert status == "ok" and "emulated (sm_53)" in text and "4096 MiB" in text


def test_a_gpu_without_its_driver():
    status, text, mend = gpu.device(Machine({"/dev/nvidia0": ""}, {}))
    assert status == "fail" and "no usable NVIDIA driver" in text and mend


@pytest.mark.parametrize(
    "machine, executable, error, words",
    [
        (NANO, "/usr/bin/python3", "No module named 'tensorrt'", ["fail", "apt install python3-libnvinfer"]),
        (NANO, "/home/me/venv/bin/python", "No module named 'tensorrt'", ["fail", "--system-site-packages"]),
        (NANO, "/usr/bin/python3", "libnvinfer.so.8: cannot open shared object file", ["fail", "ldconfig"]),
        (DESKTOP, "/usr/bin/python3", "No module named 'tensorrt'", ["warn", "pip install tensorrt"]),
    ],
)
def test_a_missing_tensorrt(emulated, monkeypatch, machine, executable, error, words):
    def fail(name):
        raise ImportError(error)

    monkeypatch.setattr(gpu.importlib, "import_module", fail)
    monkeypatch.setattr(sys, "executable", executable)
    assert all(word in " ".join(gpu.tensorrt(machine)) for word in words)


def test_a_tensorrt(emulated, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", types.SimpleNamespace(__version__="8.2.1.8"))
    assert gpu.tensorrt(NANO) == ("ok", "tensorrt 8.2.1.8", "")


@pytest.mark.parametrize("machine, status", [(NANO, "fail"), (DESKTOP, "warn")])
def test_the_plugin(emulated, monkeypatch, machine, status):
    from patchskip.runtime.tensorrt import loading

    def missing():
        raise PatchskipError("there is no TensorRT plugin x.so; make it with `make plugin`")

    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    assert gpu.plugin(machine)[0] == "skip"
    monkeypatch.setitem(sys.modules, "tensorrt", types.SimpleNamespace(__version__="8.2.1.8"))
    monkeypatch.setattr(loading, "load", missing)
    assert gpu.plugin(machine) == (status, "there is no TensorRT plugin x.so", "make it with `make plugin`")
    described = {"kind": "c++", "version": "1", "path": "/x.so", "sha256": "0"}
    monkeypatch.setattr(loading, "load", lambda: types.SimpleNamespace(plugin=described))
    assert gpu.plugin(machine) == ("ok", "c++ 1, /x.so", "")


@pytest.mark.parametrize(
    "l4t, jetpack, tensorrt",
    [((32, 7), "4.6.1 or newer", "8.2"), ((35, 4), "5.1", "8.5"), ((36, 3), "6.0", "8.6"), ((38, 2), None, None)],
)
def test_releases(l4t, jetpack, tensorrt):
    board = jetson.Board("a Jetson", l4t)
    assert (board.jetpack, board.tensorrt) == (jetpack, tensorrt)


def test_clocks():
    assert jetson.clocks_are_fixed(NANO) is True and jetson.clocks_are_fixed(ORIN) is False
    assert jetson.clocks_are_fixed(DESKTOP) is None
    assert jetson.clocks(Machine(clocks("17000000.ga10b", 1, 2, 3, 4), {})) == {"gpu": (1, 2), "cpu": (3, 4)}
    assert jetson.clocks(Machine(clocks("vi.0", 1, 2, 3, 4), {})) == {"cpu": (3, 4)}
