"""Checks of Python, its packages and the native operators. Each takes the machine, a system.System."""

import importlib
import os
import platform
import re
import signal
import sys

from patchskip.runtime import jetson, opencv
from patchskip.runtime.errors import one_line

from .results import FAIL, OK, SKIP, WARN

NUMPY_OF_A57 = "numpy==1.19.4"  # the last that runs on it, of those for Python 3.6
NUMPY = "pip3 install {}, or set OPENBLAS_CORETYPE=ARMV8".format(NUMPY_OF_A57)
JETPACK_OPENCV = (
    "`pip3 uninstall opencv-python opencv-python-headless opencv-contrib-python` uncovers JetPack's, "
    "`sudo apt install libopencv-python` installs it"
)


def python(system):
    found = "{} on {}".format(platform.python_version(), platform.machine())
    return (OK, found, "") if sys.version_info >= (3, 6) else (FAIL, found, "install Python 3.6 or newer")


def numpy(system):
    """In a process of its own: where its libraries do not fit the processor, importing it kills Python."""
    answer = system.run(sys.executable, "-c", "import numpy; print(numpy.__version__)")
    status, output = answer or (1, sys.executable + " cannot be run")
    if status == -signal.SIGILL:
        return FAIL, "importing it ends with `Illegal instruction`", NUMPY
    found = output.strip().splitlines()[-1:] or ["no answer"]
    return (FAIL, found[0] + " (nothing runs without it)", "pip install numpy") if status else (OK, found[0], "")


def package(module, install, missing, why):
    """-> a check that a package can be imported; `missing` is the status when it cannot."""

    def check(system):
        try:
            return OK, importlib.import_module(module).__version__, ""
        except Exception as error:  # a broken package raises anything
            return missing, "{} ({})".format(one_line(error), why), "pip install " + install

    return check


def onnxruntime(system):
    status = WARN if jetson.board(system) else FAIL
    why = "it runs models on the CPU; engines do without" if status == WARN else "it runs the models"
    # By itself it would bring numpy 1.19.5.
    install = "onnxruntime " + NUMPY_OF_A57 if sys.version_info < (3, 7) else "onnxruntime"
    return package("onnxruntime", install, status, why)(system)


def video(system):
    on_jetson = jetson.board(system)
    try:
        cv2, gstreamer = opencv.load(), opencv.has_gstreamer()
    except Exception as error:
        found = one_line(error).partition("; ")[0]
        full = re.search(r"(\S+): cannot allocate memory in static TLS block", found)
        if full:  # of a library that has to be among the first ones loaded
            return FAIL, found, "`export LD_PRELOAD={}`".format(full.group(1))
        return FAIL, found, JETPACK_OPENCV if on_jetson else "pip install opencv-python-headless"
    found = "{} {} GStreamer, {}".format(cv2.__version__, "with" if gstreamer else "without", cv2.__file__)
    if on_jetson and not gstreamer:
        return FAIL, found + ": csi:// and the hardware's decoders need it", JETPACK_OPENCV
    return OK, found, ""


def threads(system):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("PATCHSKIP_THREADS")
    if asked is None:
        return OK, "{} (all cores)".format(cores), ""
    if not asked.isdecimal() or not 1 <= int(asked) <= cores:
        found = "PATCHSKIP_THREADS is {!r}, there are {} cores".format(asked, cores)
        return WARN, found, "set it to 1..{}".format(cores)
    return OK, "{} of {} cores (PATCHSKIP_THREADS)".format(asked, cores), ""


def native_library(system):
    from patchskip.plugins import build, library

    library.load()
    found = "{}, made by {}".format(library.path(), library.compiler())
    gcc = re.match(r"GCC (\d+)", library.compiler())
    if gcc and int(gcc.group(1)) < build.OLDEST:
        mend = "its matrix products take twice as long: `sudo apt install g++-{}`, then install patchskip again"
        return WARN, found, mend.format(build.OLDEST)
    return OK, found, ""


def instruction_set(system):
    from patchskip.plugins import library

    chosen, available = library.isa(), library.isas()
    found = "{} (this machine has {})".format(chosen, ", ".join(available))
    if chosen != available[0]:
        return WARN, found, "the fastest is not used: unset PATCHSKIP_ISA"
    if chosen == "portable":
        return WARN, found, "the portable kernels are slow: build with AVX2, AVX-512 or NEON"
    return OK, found, ""


def self_check(system):
    from patchskip.runtime import selfcheck

    try:
        importlib.import_module("onnxruntime")
    except Exception:
        return SKIP, "there is no ONNX Runtime to run the operators in", ""
    return OK, "one convolution through ONNX Runtime, error {:.1e}".format(selfcheck.check()), ""
