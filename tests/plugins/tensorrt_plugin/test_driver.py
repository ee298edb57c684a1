"""plugins/tensorrt/driver.cc: which kernels it takes, and what it says when it cannot launch them."""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# A process opens its CUDA driver once. The plugin's words are printed, after the workspace that it asked for.
PROGRAM = """
import sys
sys.path.insert(0, {here!r})
import hosts, numpy as np
from patchskip.plugins.cuda import driver
gpu = driver.device() if {context} else None
if gpu:
    gpu.use()
mask, tensor = ((2, 3), np.int32), ((1, 4, 6, 8), np.float32)
inputs, outputs = [mask, tensor, tensor, tensor], [tensor]
plugin = hosts.node().create("PatchSkip", {{"op_type": "Add", "patch": 2}})
print(plugin.workspace(inputs, outputs))
try:
    plugin.configure(inputs, outputs)
    buffers = [gpu.allocate(4096) for _ in range(6)]
    plugin.enqueue(inputs, outputs, [buffer.address for buffer in buffers[:5]], buffers[5].address, None)
    gpu.synchronize()
    print("done")
except Exception as error:
    print(error)
"""


def said(context=True, **environment):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(here=HERE, context=context)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    workspace, words = done.stdout.split("\n", 1)
    assert workspace == "0"  # is told whatever there is of a GPU
    return words.strip()


def test_kernels_for_this_gpu():
    assert said() == "done"


def test_no_kernels_for_this_gpu():
    assert said(PATCHSKIP_EMULATED_SM="52") == (
        "the plugin has kernels for sm_53, sm_70, sm_75; this GPU is sm_52: build it with `make plugin SM=52`"
    )
    assert "this GPU is sm_86" in said(PATCHSKIP_EMULATED_SM="86")


def test_kernels_of_an_earlier_minor_version():
    assert said(PATCHSKIP_EMULATED_SM="78") == "done"


def test_kernels_that_the_driver_does_not_take():
    assert said(PATCHSKIP_EMULATED_SM="70") == (
        "CUDA: loading the kernels for sm_70: CUDA_ERROR_INVALID_IMAGE; if a newer CUDA than the driver's "
        "compiled them: `make plugin` on this machine"
    )


def test_a_jetsons_kernels_are_its_own():
    assert "this GPU is sm_57" in said(PATCHSKIP_EMULATED_SM="57")
    assert "this GPU is sm_72" in said(PATCHSKIP_EMULATED_SM="72")


def test_no_driver(tmp_path):
    missing = str(tmp_path / "libcuda.so.1")
    assert said(context=False, PATCHSKIP_LIBCUDA=missing).startswith("no CUDA driver: " + missing)


def test_no_context():
    assert said(context=False) == "CUDA: the thread has no context"


def test_a_driver_that_lacks_functions():
    libc = "libc.so.6"
    assert said(context=False, PATCHSKIP_LIBCUDA=libc) == "the CUDA driver has no cuCtxGetCurrent"


def test_a_launch_that_fails():
    assert "copy: CUDA_ERROR_LAUNCH_FAILED" in said(PATCHSKIP_EMULATED_FAIL_AT="1")
