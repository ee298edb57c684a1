"""The conformance runner (plugins/conformance/): native, where every array ends at an unmapped page, or emulated.

Starting an emulator costs more than a case, so the first call runs the whole list of cases at once.
"""

import functools
import os
import shutil
import subprocess
import tempfile

import pytest

from patchskip.plugins import build

from . import casefile
from .cases import calls
from .native import Refused

CRASHED = -1
CROSS_COMPILERS = {"aarch64": "aarch64-linux-gnu-g++"}


@functools.lru_cache(maxsize=None)
def program(machine):
    """-> the command that runs the runner built for `machine` (None: this one). Skips the test without the tools."""
    compiler, emulator = None, []
    if machine:
        compiler = CROSS_COMPILERS[machine]
        tools = [compiler, "qemu-" + machine]
        missing = [tool for tool in tools if not shutil.which(tool)]
        if missing:
            pytest.skip("{} not installed: apt install g++-{}-linux-gnu qemu-user".format(", ".join(missing), machine))
        emulator = ["qemu-" + machine]
    target = build.target(compiler)
    output = os.path.join(os.path.dirname(build.PLUGINS), "build", "plugins-" + target, "conformance")
    return emulator + [build.build_conformance(output, compiler)]


class Runner:
    """machine: None for this one, or a key of CROSS_COMPILERS."""

    def __init__(self, machine, isa):
        self._command = program(machine) + [isa]
        listed = list(calls())
        self._answers = {
            (problem.name, threads): answer for (problem, threads), answer in zip(listed, self._batch(listed))
        }

    def run(self, problem, threads=1):
        answer = self._answers.get((problem.name, threads)) or self._batch([(problem, threads)])[0]
        status, message, outputs = answer
        if status in (casefile.NOT_CREATED, casefile.NOT_RUN):
            raise Refused(message)
        assert status == casefile.DONE, "{}: {}".format(problem.name, message)
        return outputs

    def _batch(self, listed):
        """-> an answer for each call; the runner is started anew after a call that it did not survive."""
        answers = []
        with tempfile.TemporaryDirectory() as folder:
            cases, result = os.path.join(folder, "cases"), os.path.join(folder, "answers")
            while len(answers) < len(listed):
                rest = listed[len(answers) :]
                casefile.write(cases, rest)
                process = subprocess.run(self._command + [cases, result], capture_output=True, text=True)
                answers += casefile.read(result, rest)
                if process.returncode in (1, 2):
                    raise RuntimeError("the conformance runner failed: " + process.stderr)
                if process.returncode:
                    answers.append(
                        (
                            CRASHED,
                            "the runner crashed (status {}): {}".format(
                                process.returncode, process.stderr.strip()[-300:]
                            ),
                            [],
                        )
                    )
        return answers
