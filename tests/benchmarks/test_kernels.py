"""The table of the CUDA kernels' resources."""

import pathlib
import re
import subprocess

import pytest

from patchskip.benchmarks import kernels
from patchskip.plugins import build
from patchskip.plugins.cuda import compile, resources
from patchskip.runtime.errors import PatchskipError

ROOT = pathlib.Path(__file__).parents[2]


def test_the_page_lists_every_kernel():
    page = ROOT / "docs" / "measurements" / "cuda-kernels.md"
    listed = re.findall(r"^\| `(\w+)` \|", page.read_text(), re.MULTILINE)
    text = '#include "cuda/device/kernels.h"\n#define ENTRY(name, ...) @name@\nPS_CUDA_KERNELS(ENTRY)'
    command = [*build._tools(None, None)[0], "-E", "-P", "-std=c++14", "-I" + build.PLUGINS, "-xc++", "-"]
    said = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    assert listed == sorted(re.findall(r"@(\w+)@", said.replace(" ", ""))), "make kernels brings the page up to date"


@pytest.mark.slow
def test_a_row_for_each_kernel(tmp_path):
    try:
        compile.compiler(53)
    except PatchskipError as error:
        pytest.skip(str(error))
    assert kernels.main(["-o", str(tmp_path / "table.md")]) == 0
    rows = [line for line in (tmp_path / "table.md").read_text().splitlines() if line.startswith("| `")]
    found = resources.resources(compile.cubin(53))
    assert [row.split("`")[1] for row in rows] == sorted(found)
    assert all(len(row.split("|")) == len(kernels.SMS) + 9 for row in rows)


def test_spills_are_named():
    kernel = {"registers": 64, "shared_bytes": 0, "local_bytes": 0, "max_threads": 128}
    row = kernels._row("conv", {53: kernel, 62: {**kernel, "local_bytes": 24}}, 16000)
    assert row == ["`conv`", "128", "16000", "64", "64", "24 on sm_62", "4", "25%", "shared memory"]


def test_a_kernel_of_other_gpus():
    kernel = {"registers": 128, "shared_bytes": 0, "local_bytes": 0, "max_threads": 128}
    row = kernels._row("conv_tensor", {53: {**kernel, "registers": 2}, 72: kernel}, 0)
    assert row == ["`conv_tensor`", "128", "0", "-", "128", "0", "-", "-", "-"]


def test_shared_memory_is_planned():
    asked = kernels.planned_shared(53)
    assert asked["conv_64x64_8x64_f16x4"] > 4 * 2 * 8 * (64 + 64)  # two slices and more
    assert not [name for name in asked if "tensor" in name]
