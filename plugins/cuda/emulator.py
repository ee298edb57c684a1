"""The CUDA kernels as C++ on this machine's CPU (emulation/): what they compute, on machines without a GPU."""

import ctypes
import functools
import os

import numpy as np

from patchskip.plugins import build
from patchskip.runtime.errors import PatchskipError

ALIGNMENT = 256  # of a GPU's memory
FENCE = np.full(64, 0x7FC17FC1, np.uint32).view(np.uint8)  # NaN, but not what uninitialised memory holds


@functools.lru_cache(maxsize=None)
def library():
    """-> the file of the emulated kernels and CUDA driver, built when it is older than their sources."""
    folder = os.path.join(os.path.dirname(build.PLUGINS), "build", "plugins-" + build.target())
    return build.build_emulation(os.path.join(folder, "libpatchskip_emulation.so"))


@functools.lru_cache(maxsize=None)
def load():
    native = ctypes.CDLL(library())
    native.ps_emulate.restype = ctypes.c_char_p
    number = ctypes.c_int32
    native.ps_emulate.argtypes = [ctypes.c_char_p, number, number, number, ctypes.c_void_p, number]
    return native


def execute(plan, inputs, outputs, last_first=False):
    """Runs a planning.Plan on arrays (None where absent), which it writes to.

    last_first: the order of threads and blocks; a kernel without races gives the same in both. Raises PatchskipError
    when a kernel does what a GPU forbids.
    """
    memory = np.full(plan.workspace_bytes + ALIGNMENT + FENCE.size, 0xFF, np.uint8)  # NaN
    workspace = memory[-memory.ctypes.data % ALIGNMENT :]
    fence = workspace[plan.workspace_bytes :][: FENCE.size]
    fence[:] = FENCE
    addresses = [[None if a is None else a.ctypes.data for a in arrays] for arrays in (inputs, outputs)]
    for launch in plan.launches(addresses[0], addresses[1], workspace.ctypes.data):
        error = load().ps_emulate(
            launch.kernel.encode(), launch.blocks, launch.threads, launch.shared_bytes, launch.params, int(last_first)
        )
        if error:
            raise PatchskipError("{}: {}".format(launch.kernel, error.decode()))
        if (fence != FENCE).any():
            raise PatchskipError("{}: it wrote beyond its workspace".format(launch.kernel))
