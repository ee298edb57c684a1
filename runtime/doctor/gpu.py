"""Checks of the GPU, of TensorRT and of what compiles for it. Each takes the machine, a system.System."""

import importlib
import sys

from patchskip.runtime import jetson
from patchskip.runtime.errors import PatchskipError, one_line

from .results import FAIL, OK, SKIP, WARN, split

NO_GPU = "no GPU: models run on the CPU"


def device(system):
    from patchskip.plugins.cuda import driver

    try:
        gpu = driver.device()
        free = gpu.free_bytes()
    except PatchskipError as error:
        found, mend = split(str(error))
        if jetson.board(system) or system.find("/dev/nvidia[0-9]*"):
            return FAIL, found, mend
        return OK, NO_GPU, ""
    found = "{} (sm_{}), {:.0f} of {:.0f} MiB free, driver for CUDA {}".format(
        gpu.name, gpu.sm, free / 2.0**20, gpu.total_bytes / 2.0**20, gpu.driver_version
    )
    return OK, found, ""


def tensorrt(system):
    if not _gpu():
        return SKIP, NO_GPU, ""
    from patchskip.runtime.tensorrt import loading

    errors = []
    for name in loading.FLAVOURS:
        try:
            return OK, "{} {}".format(name, importlib.import_module(name).__version__), ""
        except Exception as error:
            errors.append(one_line(error))
    if "cannot open shared object" in errors[0]:
        return FAIL, errors[0], "`sudo ldconfig`, or add that library's folder to LD_LIBRARY_PATH"
    if not jetson.board(system):
        return WARN, errors[0] + " (only engines need it)", "pip install tensorrt"
    if not sys.executable.startswith("/usr/bin/"):
        mend = "JetPack has it for /usr/bin/python3 only: use that, or a venv made with --system-site-packages"
        return FAIL, "{} in {}".format(errors[0], sys.executable), mend
    return FAIL, errors[0], "`sudo apt install python3-libnvinfer`"


def plugin(system):
    if tensorrt(system)[0] != OK:
        return SKIP, "there is no TensorRT for it", ""
    from patchskip.runtime.tensorrt import loading

    try:
        loaded = loading.load()
    except PatchskipError as error:
        found, mend = split(str(error))
        return (FAIL if jetson.board(system) else WARN), found, mend
    path = ", " + loaded.plugin["path"] if "path" in loaded.plugin else ""
    return OK, "{kind} {version}".format(**loaded.plugin) + path, ""


def compiler(system):
    gpu = _gpu()
    if not gpu:
        return SKIP, NO_GPU, ""
    from patchskip.plugins.cuda import compile

    try:
        return OK, compile.compiler(gpu.sm).description, ""
    except PatchskipError as error:
        found, mend = split(str(error))
        return WARN, found, mend


def _gpu():
    from patchskip.plugins.cuda import driver

    try:
        return driver.device()
    except PatchskipError:
        return None
