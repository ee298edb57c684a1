"""The driver's library: its functions, and what their errors mean. driver.py makes objects of it."""

import ctypes
import os
from typing import Dict

from patchskip.runtime.errors import PatchskipError

FILE = "libcuda.so.1"
OUT_OF_MEMORY = "CUDA_ERROR_OUT_OF_MEMORY"

ADDRESS, SIZE, NUMBER, WORD, TEXT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p
HALF_WORD = ctypes.c_ushort
OUT_ADDRESS, OUT_SIZE, OUT_NUMBER = (ctypes.POINTER(kind) for kind in (ADDRESS, SIZE, NUMBER))

# Every function that is called -> its arguments. All are in the drivers of CUDA 10.2 (JetPack 4.6) to 13.
FUNCTIONS = {
    "cuInit": [WORD],
    "cuDriverGetVersion": [OUT_NUMBER],
    "cuDeviceGetCount": [OUT_NUMBER],
    "cuDeviceGet": [OUT_NUMBER, NUMBER],
    "cuDeviceGetName": [TEXT, NUMBER, NUMBER],
    "cuDeviceGetAttribute": [OUT_NUMBER, NUMBER, NUMBER],
    "cuDeviceTotalMem_v2": [OUT_SIZE, NUMBER],
    "cuDevicePrimaryCtxRetain": [OUT_ADDRESS, NUMBER],
    "cuDevicePrimaryCtxRelease": [NUMBER],
    "cuCtxGetCurrent": [OUT_ADDRESS],
    "cuCtxSetCurrent": [ADDRESS],
    "cuCtxSynchronize": [],
    "cuMemGetInfo_v2": [OUT_SIZE, OUT_SIZE],
    "cuMemAlloc_v2": [OUT_ADDRESS, SIZE],
    "cuMemFree_v2": [ADDRESS],
    "cuMemHostAlloc": [OUT_ADDRESS, SIZE, WORD],
    "cuMemFreeHost": [ADDRESS],
    "cuMemcpyHtoDAsync_v2": [ADDRESS, ADDRESS, SIZE, ADDRESS],
    "cuMemcpyDtoHAsync_v2": [ADDRESS, ADDRESS, SIZE, ADDRESS],
    "cuMemcpyDtoDAsync_v2": [ADDRESS, ADDRESS, SIZE, ADDRESS],
    "cuMemsetD32Async": [ADDRESS, WORD, SIZE, ADDRESS],
    "cuMemsetD2D16Async": [ADDRESS, SIZE, HALF_WORD, SIZE, SIZE, ADDRESS],
    "cuMemsetD2D32Async": [ADDRESS, SIZE, WORD, SIZE, SIZE, ADDRESS],
    "cuStreamCreate": [OUT_ADDRESS, WORD],
    "cuStreamSynchronize": [ADDRESS],
    "cuStreamDestroy_v2": [ADDRESS],
    "cuStreamBeginCapture_v2": [ADDRESS, NUMBER],
    "cuStreamEndCapture": [ADDRESS, OUT_ADDRESS],
    "cuGraphInstantiate": [OUT_ADDRESS, ADDRESS, OUT_ADDRESS, TEXT, SIZE],
    "cuGraphLaunch": [ADDRESS, ADDRESS],
    "cuGraphExecDestroy": [ADDRESS],
    "cuGraphDestroy": [ADDRESS],
    "cuEventCreate": [OUT_ADDRESS, WORD],
    "cuEventRecord": [ADDRESS, ADDRESS],
    "cuEventSynchronize": [ADDRESS],
    "cuEventElapsedTime": [ctypes.POINTER(ctypes.c_float), ADDRESS, ADDRESS],
    "cuEventDestroy_v2": [ADDRESS],
    "cuModuleLoadData": [OUT_ADDRESS, ADDRESS],
    "cuModuleGetFunction": [OUT_ADDRESS, ADDRESS, TEXT],
    "cuModuleUnload": [ADDRESS],
    "cuLaunchKernel": [ADDRESS] + 7 * [WORD] + [ADDRESS, OUT_ADDRESS, OUT_ADDRESS],
    "cuGetErrorName": [NUMBER, ctypes.POINTER(TEXT)],
}

DRIVER = (
    "install NVIDIA's driver; on a Jetson it comes with JetPack; a container needs `--runtime nvidia` or `--gpus all`"
)
MENDS = {
    OUT_OF_MEMORY: "close other programs, or use a smaller --input-size or fewer streams",
    "CUDA_ERROR_NO_DEVICE": "check `nvidia-smi`, CUDA_VISIBLE_DEVICES and, in a container, `--runtime nvidia`",
    "CUDA_ERROR_STUB_LIBRARY": "take the stubs folder of the CUDA toolkit off LD_LIBRARY_PATH",
    "CUDA_ERROR_NO_BINARY_FOR_GPU": "build the kernels for this GPU",
    "CUDA_ERROR_INVALID_IMAGE": "compile the kernels with a CUDA no newer than the driver's (`make plugin` on this "
    "machine; PATCHSKIP_NVRTC names a compiler), or install a newer driver",
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": "restart the machine: the driver was updated",
    "CUDA_ERROR_UNKNOWN": "add yourself to the group `video` on a Jetson; else restart the machine",
}
# The context is lost, and with it all of the process's work on the GPU.
STICKY = {
    "CUDA_ERROR_" + name
    for name in (
        "ASSERT CONTAINED CONTEXT_IS_DESTROYED ECC_UNCORRECTABLE EXTERNAL_DEVICE HARDWARE_STACK_ERROR ILLEGAL_ADDRESS "
        "ILLEGAL_INSTRUCTION INVALID_ADDRESS_SPACE INVALID_PC LAUNCH_FAILED LAUNCH_TIMEOUT MISALIGNED_ADDRESS "
        "MPS_CLIENT_TERMINATED NVLINK_UNCORRECTABLE TENSOR_MEMORY_LEAK"
    ).split()
}

_loaded: Dict[str, "Calls"] = {}


class CudaError(PatchskipError):
    """name: the driver's, such as CUDA_ERROR_OUT_OF_MEMORY. sticky: nothing more runs on the GPU in this process."""

    def __init__(self, name, doing):
        self.name, self.sticky = name, name in STICKY
        if self.sticky:
            mend = "the GPU is lost to this process: start it anew"
        else:
            mend = MENDS.get(name, "`patchskip doctor` looks for the cause")
        PatchskipError.__init__(self, "{}: the GPU's driver says {}; {}".format(doing, name, mend))


def load():
    """-> Calls, of the driver's library or of the file that $PATCHSKIP_LIBCUDA names.

    Raises PatchskipError when it is missing.
    """
    file = os.environ.get("PATCHSKIP_LIBCUDA") or FILE
    if file not in _loaded:
        try:
            _loaded[file] = Calls(ctypes.CDLL(file))
        except (OSError, AttributeError) as error:
            raise PatchskipError("there is no usable NVIDIA driver ({}); {}".format(error, DRIVER)) from None
    return _loaded[file]


class Calls(object):
    """`calls(doing, function, ...)` calls a function of the driver. Raises CudaError that begins with `doing`."""

    def __init__(self, native):
        self._functions = {}
        for name, arguments in FUNCTIONS.items():
            function = self._functions[name] = getattr(native, name)
            function.restype, function.argtypes = NUMBER, arguments

    def __call__(self, doing, name, *arguments):
        code = self._functions[name](*arguments)
        if code:
            raise CudaError(self._error_name(code), doing)

    def quietly(self, name, *arguments):
        """-> did it succeed?"""
        return self._functions[name](*arguments) == 0

    def _error_name(self, code):
        name = TEXT()
        self._functions["cuGetErrorName"](code, ctypes.byref(name))
        return name.value.decode() if name.value else "error {}".format(code)


def no_device(index, count):
    if not count:
        return CudaError("CUDA_ERROR_NO_DEVICE", "looking for a GPU")
    found = "GPU {} was asked for, this machine has {}".format(index, count)
    return PatchskipError("{}; number them from 0 to {}".format(found, count - 1))


def out_of_memory(size, gpu):
    try:
        free = "{:.0f} of {:.0f} MiB are free".format(gpu.free_bytes() / 2.0**20, gpu.total_bytes / 2.0**20)
    except CudaError:
        free = "how much is free is not known"
    doing = "allocating {:.1f} MiB on {}, where {}".format(size / 2.0**20, gpu.name, free)
    return CudaError(OUT_OF_MEMORY, doing)


def version_text(number):
    """10020 -> "10.2"."""
    return "{}.{}".format(number // 1000, number % 1000 // 10)
