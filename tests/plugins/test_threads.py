"""The pool of threads, as a program of its own; also under ThreadSanitizer, where the compiler has it."""

import pathlib
import subprocess

import pytest

from patchskip.plugins import build

LOOPS = pathlib.Path(__file__).parent / "threads" / "loops.cc"


@pytest.mark.parametrize("flags", [["-O2"], ["-O1", "-g", "-fsanitize=thread"]], ids=["plain", "sanitized"])
def test_every_index_comes_once(tmp_path, flags):
    program = tmp_path / "loops"
    pool = pathlib.Path(build.PLUGINS) / "cpu" / "threads.cc"
    command = [*build.compiler(), "-std=c++14", *flags, "-I", build.PLUGINS, LOOPS, pool, "-o", program, "-pthread"]
    compiled = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if "tsan" in compiled.stderr:
        pytest.skip("the compiler has no ThreadSanitizer")
    assert compiled.returncode == 0, compiled.stderr
    result = subprocess.run([str(program), "20000"], capture_output=True, text=True, timeout=300)
    if "unexpected memory mapping" in result.stderr:
        pytest.skip("ThreadSanitizer does not run on this kernel")
    assert result.returncode == 0, result.stdout + result.stderr
