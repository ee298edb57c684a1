"""plugins/library.py and plugins/build.py: what they say when something is missing, and what is in the library."""

import os
import platform
import shutil
import subprocess
import sys

import numpy as np
import pytest

from patchskip.plugins import build, library
from patchskip.runtime.errors import PatchskipError

LIBRARY_SOURCE = 'const char* {}(void) {{ return "0"; }}\n'


def compile_shared(tmp_path, source):
    compiler = shutil.which("g++") or shutil.which("c++")
    if not compiler:
        pytest.skip("no C++ compiler")
    (tmp_path / "other.c").write_text(source)
    target = tmp_path / "libother.so"
    subprocess.run([compiler, "-x", "c", "-shared", "-fPIC", str(tmp_path / "other.c"), "-o", str(target)], check=True)
    return target


def test_loads_and_names_an_instruction_set():
    assert library.isa() in library.isas()
    assert library.isas()[-1] == "portable"
    assert os.path.samefile(library.path(), library.FILE)


def test_missing_library(tmp_path):
    with pytest.raises(PatchskipError, match="No such file.*build.py"):
        library.load(str(tmp_path / "none.so"))


def test_truncated_library(tmp_path):
    with open(library.path(), "rb") as file:
        whole = file.read()
    for length in (0, 10, 64, 4096, len(whole) - 1):
        part = tmp_path / "libpart-{}.so".format(length)
        part.write_bytes(whole[:length])
        with pytest.raises(PatchskipError, match="not all of"):
            library.load(str(part))


def test_library_of_another_machine(tmp_path):
    with open(library.path(), "rb") as file:
        data = bytearray(file.read())
    data[18:20] = (243).to_bytes(2, "little")
    other = tmp_path / "libother.so"
    other.write_bytes(data)
    with pytest.raises(PatchskipError, match="built for riscv64, this machine is " + platform.machine()):
        library.load(str(other))


def test_library_of_another_version(tmp_path):
    names = ["ps_" + name for name in "compiler last_error create run destroy isa isas set_isa set_threads".split()]
    source = LIBRARY_SOURCE.format("ps_version") + "".join("void {}(void) {{}}\n".format(name) for name in names)
    with pytest.raises(PatchskipError, match="version 0, this package needs " + library.VERSION):
        library.load(str(compile_shared(tmp_path, source)))


def test_library_without_our_functions(tmp_path):
    with pytest.raises(PatchskipError, match="ps_version"):
        library.load(str(compile_shared(tmp_path, LIBRARY_SOURCE.format("something"))))


def test_unusable_instruction_set():
    with pytest.raises(PatchskipError, match="'mmx'.*portable"):
        library.set_isa("mmx")


@pytest.mark.parametrize("isa", library.isas() if os.path.exists(library.FILE) else [])
def test_environment_chooses_the_instruction_set(isa):
    code = "from patchskip.plugins import library; print(library.isa())"
    environment = dict(os.environ, PATCHSKIP_ISA=isa, PYTHONPATH=os.pathsep.join(sys.path))
    found = subprocess.run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True)
    assert found.stdout.decode().strip() == isa


def test_arrays_that_it_cannot_take():
    operator = library.Operator("PatchSkip", {"op_type": "Identity", "patch": 2})
    x = np.zeros((1, 4, 4, 2), np.float32)
    active = np.ones((2, 2), np.int32)
    for wrong in (x.astype(np.float64), x.transpose(0, 2, 1, 3), x[..., :1]):
        with pytest.raises(PatchskipError, match="expected float32, uint8 or int32, C-contiguous"):
            operator.run([active, x, wrong], [x.copy()])


def test_no_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(build.BuildError, match="no C.. compiler found.*install g.."):
        build.build(str(tmp_path / "lib.so"))


@pytest.mark.parametrize(
    "installed, chosen",
    [
        ({"g++": "7"}, "g++"),
        ({"g++": "7.5.0", "g++-8": "8"}, "g++-8"),
        ({"g++": "7", "g++-8": "8", "g++-10": "10"}, "g++-10"),
        ({"g++": "8", "g++-10": "10"}, "g++"),
        ({"clang++": "14.0.6"}, "clang++"),
    ],
)
def test_compiler_that_is_chosen(monkeypatch, tmp_path, installed, chosen):
    for name, version in installed.items():
        script = "#!/bin/sh\ncase $1 in -dumpversion) echo {};; *) echo aarch64-linux-gnu;; esac\n".format(version)
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert build.compiler() == [chosen] and build.target() == "aarch64"


def test_compiler_that_fails(monkeypatch, tmp_path):
    monkeypatch.setenv("CXXFLAGS", "--no-such-option")
    with pytest.raises(build.BuildError, match="no-such-option"):
        build.build(str(tmp_path / "lib.so"), machine="nowhere")
    assert not list(tmp_path.iterdir())
    shutil.rmtree(os.path.join(os.path.dirname(build.PLUGINS), "build", "plugins-nowhere"))


def test_nothing_is_compiled_twice(capfd, tmp_path):
    target = str(tmp_path / "libpatchskip.so")
    build.build(target)
    made = os.stat(target).st_mtime_ns
    capfd.readouterr()
    build.build(target, verbose=True)
    assert os.stat(target).st_mtime_ns == made
    assert capfd.readouterr().err == ""


def test_exports_only_the_interface():
    """Nothing of ours, nor of the C++ library, may clash with what another library of the process has."""
    names = [line.split()[-1] for line in symbols(library.path(), "-D", "--defined-only")]
    assert "RegisterCustomOps" in names
    assert [name for name in names if not (name.startswith(("ps_", "_Z")) or name == "RegisterCustomOps")] == []


def test_kernels_leave_no_code_of_their_instruction_set_in_shared_functions():
    """The linker keeps one copy of a weak function: were it the AVX-512 one, other machines would stop on it."""
    folder = os.path.join(os.path.dirname(build.PLUGINS), "build", "plugins-" + build.target())
    build.build(os.path.join(folder, "libpatchskip.so"))
    for isa, flags in build.ISAS.get(build.target(), build.OTHER_MACHINE):
        if flags:
            lines = symbols(os.path.join(folder, "cpu-kernels-{}.o".format(isa)), "-C", "--defined-only")
            weak = [line for line in lines if line.split()[1] in "WVu" and "patchskip::{}::".format(isa) not in line]
            assert not weak, isa


def symbols(path, *options):
    if not shutil.which("nm"):
        pytest.skip("nm not installed: apt install binutils")
    return subprocess.run(["nm", *options, path], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()
