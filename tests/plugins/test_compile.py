"""The CUDA kernels compile for every GPU that is promised, and what they take of it."""

import pathlib
import re
import subprocess

import pytest

from patchskip.plugins import build
from patchskip.plugins.cuda import compile, resources
from patchskip.runtime.errors import PatchskipError

SMS = [53] + [pytest.param(sm, marks=pytest.mark.slow) for sm in (62, 72, 87, 90)]


def kernels():
    """-> {name: (threads, blocks that a multiprocessor should hold)} of the list, by way of the preprocessor."""
    text = """
        #include "cuda/device/kernels.h"
        #define ENTRY(name, Params, threads, blocks, ...) @ name threads blocks @
        PS_CUDA_KERNELS(ENTRY)
    """
    command = [*build._tools(None, None)[0], "-E", "-P", "-std=c++14", "-I" + build.PLUGINS, "-xc++", "-"]
    said = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return {name: (int(threads), int(blocks)) for name, threads, blocks in re.findall(r"@ (\w+) (\d+) (\d+) @", said)}


def compiler_or_skip(sm):
    try:
        return compile.compiler(sm)
    except PatchskipError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("sm", SMS)
def test_compiles(sm):
    compiler_or_skip(sm)
    found, listed = resources.resources(compile.cubin(sm)), kernels()
    assert set(found) == set(listed) and listed
    spilled = [name for name, kernel in found.items() if name.startswith("conv") and kernel["local_bytes"]]
    assert not spilled
    for name, (threads, blocks) in listed.items():
        assert found[name]["max_threads"] == threads and threads % 32 == 0, name
        assert resources.occupancy(found[name], threads, 0, sm).blocks >= blocks, name


# Indexed in loops that are written out, or where no lambda holds the parameters.
INDEXED = {("concat.cuh", "inputs"), ("mask.cuh", "sources"), ("flatten.cuh", "levels")}


def test_arrays_of_the_parameters_are_chosen_from():
    """The compiler of CUDA 10, of a Jetson Nano, copies parameters to the stack for an index of run time (device.h)."""
    device = pathlib.Path(build.PLUGINS, "cuda", "device")
    headers = "".join(path.read_text() for path in device.glob("*params.h"))
    arrays = set(re.findall(r"(\w+)\[k[A-Z]\w*\]", headers))
    assert {"phases", "sources", "channel", "scale", "bias"} <= arrays
    found = set()
    for path in device.glob("*.cuh"):
        for name, index in re.findall(r"[.>](\w+)\[([^\]]*)\]", path.read_text()):
            if name in arrays and not index.isdigit():
                found.add((path.name, name))
    assert found == INDEXED


def test_compiled_once(monkeypatch):
    chosen = compiler_or_skip(53)
    first = compile.cubin(53)
    monkeypatch.setattr(type(chosen), "compile", None)
    assert compile.cubin(53) == first


def test_what_ptxas_says(tmp_path):
    """The reading of a cubin, against the compiler's own account, on kernels that spill and have shared memory."""
    nvccs = [c for c in compile.compilers() if isinstance(c, compile.Nvcc)]
    if not nvccs:
        pytest.skip("needs nvcc, of a CUDA toolkit")
    source = tmp_path / "kernels.cu"
    source.write_text("""
        extern "C" __global__ void __launch_bounds__(256, 4) spills(const float* a, float* b, int n) {
          __shared__ float s[300];
          float v[100];
          for (int i = 0; i < 100; ++i) v[i] = a[i * n + threadIdx.x];
          s[threadIdx.x] = v[3];
          __syncthreads();
          for (int k = 0; k < n; ++k)
            for (int i = 0; i < 100; ++i) v[i] = v[i] * v[(i + 7) % 100] + s[k];
          for (int i = 0; i < 100; ++i) b[i * n + threadIdx.x] = v[i];
        }
        extern "C" __global__ void plain(float* b) {
          extern __shared__ float q[];
          q[threadIdx.x] = b[0];
          __syncthreads();
          b[threadIdx.x] = q[threadIdx.x ^ 1];
        }
    """)
    for sm in [sm for sm in (75, 87, 90) if sm in nvccs[0].architectures]:
        made = tmp_path / f"{sm}.cubin"
        command = [nvccs[0].path, "-cubin", f"-arch=sm_{sm}", "-Xptxas", "-v", "-o", made, source]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        found = resources.resources(made.read_bytes())
        assert set(found) == {"spills", "plain"}
        for name, kernel in found.items():
            text = said[said.index(f"entry function '{name}'") :]
            assert kernel["registers"] == int(re.search(r"Used (\d+) registers", text).group(1))
            assert kernel["local_bytes"] == int(re.search(r"(\d+) bytes stack frame", text).group(1))
            assert kernel["shared_bytes"] == (1200 if name == "spills" else 0)
        assert found["spills"]["local_bytes"] > 0 and found["spills"]["max_threads"] == 256


@pytest.mark.parametrize(
    "registers, shared, threads, dynamic, sm, blocks, limits",
    [
        (32, 0, 256, 0, 53, 8, ["registers", "threads"]),
        (33, 0, 256, 0, 53, 6, ["registers"]),  # 1280 registers a warp: 12 warps in each quarter
        (64, 0, 256, 0, 53, 4, ["registers"]),
        (128, 0, 256, 0, 53, 2, ["registers"]),
        (129, 0, 256, 0, 53, 0, []),  # a block of sm_53 has 32768 registers
        (129, 0, 256, 0, 72, 1, ["registers"]),
        (32, 16384, 128, 0, 53, 4, ["shared memory"]),
        (32, 8192, 128, 8193, 53, 3, ["shared memory"]),  # allocated in units of 256 bytes
        (32, 49152, 128, 1, 53, 0, []),  # a block of sm_53 has 48 KiB
        (16, 0, 32, 0, 53, 32, ["blocks"]),
        (32, 0, 256, 0, 87, 6, ["threads"]),
    ],
)
def test_occupancy(registers, shared, threads, dynamic, sm, blocks, limits):
    kernel = {"registers": registers, "shared_bytes": shared, "local_bytes": 0, "max_threads": threads}
    found = resources.occupancy(kernel, threads, dynamic, sm)
    assert (found.blocks, found.limits) == (blocks, limits)
    assert found.share == blocks * threads / resources.MULTIPROCESSORS[sm].threads


def test_no_compiler(monkeypatch):
    class Newest:
        description, architectures = "nvcc 13.0", [75, 90]

    monkeypatch.setattr(compile, "compilers", lambda: [Newest()])
    with pytest.raises(PatchskipError, match="sm_53: nvcc 13.0 compiles for sm_75, sm_90; pip install nvidia-cuda"):
        compile.cubin(53)
    monkeypatch.setattr(compile, "compilers", list)
    with pytest.raises(PatchskipError, match="found neither NVRTC nor nvcc; pip install nvidia-cuda-nvrtc-cu12"):
        compile.cubin(53)


def test_a_given_nvrtc_must_be_one(monkeypatch, tmp_path):
    monkeypatch.setenv("PATCHSKIP_NVRTC", str(tmp_path / "libnvrtc.so"))
    with pytest.raises(PatchskipError, match="PATCHSKIP_NVRTC=.*; give a libnvrtc.so of CUDA 11.2 or newer"):
        compile.compilers.__wrapped__()


@pytest.mark.parametrize("made", [b"", b"\x7fELF\x02" + b"\xff" * 100, b"\x7fELF\x02" + b"\0" * 100])
def test_no_cubin(made):
    with pytest.raises(PatchskipError, match="reading a cubin's resources"):
        resources.resources(made)
