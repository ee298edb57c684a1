"""plugins/tensorrt/build.py: what it finds, what it says when something is missing, and what is in the library."""

import os
import shutil
import subprocess
import sys

import hosts
import pytest

from patchskip.plugins import build as native
from patchskip.plugins.cuda import compile as kernels
from patchskip.plugins.tensorrt import build
from patchskip.runtime.errors import PatchskipError

with_headers = pytest.mark.parametrize(
    "include",
    [pytest.param(include, id=hosts.version(include)) for include in hosts.INCLUDES]
    or [pytest.param(None, marks=pytest.mark.skip(hosts.MISSING))],
)


def headers(folder, *version):
    """A folder with no more of TensorRT's headers than their version."""
    folder.mkdir()
    names = ("MAJOR", "MINOR", "PATCH")
    lines = ["#define NV_TENSORRT_{} {} //!< a number\n".format(*line) for line in zip(names, version)]
    (folder / "NvInferVersion.h").write_text("".join(lines))
    return str(folder)


def test_no_headers(monkeypatch, tmp_path):
    monkeypatch.setenv("TENSORRT_INCLUDE", str(tmp_path))
    with pytest.raises(PatchskipError, match="no NvInferVersion.h in .*libnvinfer-dev.*TENSORRT_INCLUDE=") as caught:
        build.find_headers()
    assert "\n" not in str(caught.value)


def test_headers_where_packages_put_them(monkeypatch, tmp_path):
    for name in ("TensorRT-8.2.1", "TensorRT-10.3.0"):
        (tmp_path / name).mkdir()
        headers(tmp_path / name / "include", 8, 2, 1)
    monkeypatch.delenv("TENSORRT_INCLUDE", raising=False)
    monkeypatch.setattr(build, "FOLDERS", [str(tmp_path / "TensorRT*" / "include")])
    if os.path.exists(os.path.join("/usr/include", "x86_64-linux-gnu", build.HEADER)):
        pytest.skip("this machine has the package")
    assert build.find_headers() == str(tmp_path / "TensorRT-8.2.1" / "include")


@pytest.mark.parametrize("version", [(7, 1, 3), (8, 0, 1), (1, 7, 1), (12, 0, 0)])
def test_a_version_there_is_no_plugin_for(tmp_path, version):
    include = headers(tmp_path / "include", *version)
    with pytest.raises(PatchskipError, match="TensorRT {}.* it is for 8.2".format(build.text(version))):
        build.build_plugin(include, hosts.CUBINS, str(tmp_path / "plugin.so"))


def test_headers_without_a_version(tmp_path):
    (tmp_path / "NvInferVersion.h").write_text("")
    with pytest.raises(PatchskipError, match="has no version"):
        build.tensorrt_version(str(tmp_path))


def test_which_gpus(monkeypatch, tmp_path):
    monkeypatch.setattr(build, "BOARD", str(tmp_path / "model"))  # of a machine that is no Jetson
    for asked, found in (("53", [53]), ("87,53", [53, 87]), ("5.3 8.7", [53, 87])):
        monkeypatch.setenv("SM", asked)
        assert build.find_sms() == found
    monkeypatch.setenv("SM", "sm_53")
    with pytest.raises(PatchskipError, match="SM is 'sm_53'; expected numbers"):
        build.find_sms()
    monkeypatch.delenv("SM")
    monkeypatch.setenv("PATCHSKIP_EMULATED_SM", "87")
    assert build.find_sms() == [87]
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", str(tmp_path / "none.so"))
    with pytest.raises(PatchskipError, match="for which GPU.*make plugin SM=53"):
        build.find_sms()
    for model, sm in (("NVIDIA Jetson Nano Developer Kit\0", 53), ("NVIDIA Jetson Orin Nano Developer Kit\0", 87)):
        (tmp_path / "model").write_text(model)
        assert build.find_sms() == [sm]


def command(**environment):
    return subprocess.run(
        [sys.executable, "-m", "patchskip.plugins.tensorrt.build", "-o", environment.pop("output")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
    )


def test_the_command_says_what_is_missing(tmp_path):
    output = tmp_path / "plugin.so"
    done = command(output=str(output), TENSORRT_INCLUDE=str(tmp_path), SM="53")
    assert done.returncode == 2 and not output.exists()
    assert done.stderr.startswith("patchskip: building the TensorRT plugin: ") and done.stderr.count("\n") == 1


def test_a_compiler_that_fails_leaves_the_old_plugin(tmp_path):
    output = tmp_path / "plugin.so"
    output.write_text("old")
    include = headers(tmp_path / "include", 8, 2, 1)  # and no other header
    with pytest.raises(native.BuildError, match="NvInferRuntime.h"):
        build.build_plugin(include, hosts.CUBINS, str(output))
    assert output.read_text() == "old" and len(list(tmp_path.iterdir())) == 2


@pytest.mark.slow
@with_headers
def test_the_command(include, tmp_path):
    try:
        kernels.compiler(75)
    except PatchskipError as error:
        pytest.skip(str(error))
    output = tmp_path / "plugin.so"
    done = command(output=str(output), TENSORRT_INCLUDE=include, SM="75")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == "TensorRT {}: {}".format(hosts.version(include), include)
    assert said[1].startswith("kernels for sm_75: ") and said[2] == str(output)
    with open(output, "rb") as file:
        assert kernels.cubin(75) in file.read()


@with_headers
def test_what_is_exported_and_needed(include):
    """Nothing is needed of TensorRT or CUDA, so that one file is right with every release of one major version."""
    if not shutil.which("nm"):
        pytest.skip("nm not installed: apt install binutils")
    plugin = hosts.plugin(include, "tensorrt")
    exported = {name for name in symbols(plugin, "--defined-only") if not name.startswith("_Z")}
    is_v2 = build.tensorrt_version(include)[0] == 8
    interface = {"patchskip_register"} if is_v2 else {"getCreators", "setLoggerFinder"}
    assert exported == interface | {"patchskip_plugin_version"}
    needed = symbols(plugin, "--undefined-only")
    assert "dlopen" in needed
    assert not [name for name in needed if name.startswith(("cu", "getPlugin", "getLogger")) or "nvinfer" in name]


def symbols(path, option):
    lines = subprocess.run(["nm", "-D", option, path], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split()[-1].split("@")[0] for line in lines]
