"""`patchskip doctor`: what is installed, what is missing, how to mend it."""

import importlib
import json
import os
import platform
import sys

from patchskip import __version__
from patchskip.plugins import library

from .errors import PatchskipError, one_line
from .files import atomic_text

OK, WARN, FAIL = "ok", "warn", "fail"
NATIVE = "native library"  # what comes after it in CHECKS needs it


def add_arguments(parser):
    """`--json` and `--quiet` are enough."""


def main(args):
    results = []
    for name, check in CHECKS:
        try:
            status, found, mend = check()
        except PatchskipError as error:
            status, (found, mend) = FAIL, _split(str(error))
        results.append({"check": name, "status": status, "found": found, "mend": mend})
        if not args.quiet and args.json != "-":
            print("{:<5} {:<18} {}{}".format(status, name, found, "; " + mend if mend else ""), flush=True)
        if name == NATIVE and status == FAIL:
            break
    failed = any(result["status"] == FAIL for result in results)
    if args.json:
        with atomic_text(args.json) as file:
            json.dump({"ok": not failed, "version": __version__, "checks": results}, file, indent=1)
            file.write("\n")
    return 1 if failed else 0


def _python():
    found = "{} on {}".format(platform.python_version(), platform.machine())
    return (OK, found, "") if sys.version_info >= (3, 6) else (FAIL, found, "install Python 3.6 or newer")


def _package(module, install, missing, why):
    """-> a check that a package can be imported; `missing` is the status when it cannot."""

    def check():
        try:
            return OK, importlib.import_module(module).__version__, ""
        except Exception as error:  # a broken package raises anything
            return missing, "{} ({})".format(one_line(error), why), "pip install " + install

    return check


def _native_library():
    library.load()
    return OK, library.path(), ""


def _instruction_set():
    chosen, available = library.isa(), library.isas()
    found = "{} (this machine has {})".format(chosen, ", ".join(available))
    if chosen != available[0]:
        return WARN, found, "the fastest is not used: unset PATCHSKIP_ISA"
    if chosen == "portable":
        return WARN, found, "the portable kernels are slow: build with AVX2, AVX-512 or NEON"
    return OK, found, ""


def _threads():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("PATCHSKIP_THREADS")
    if asked is None:
        return OK, "{} (all cores)".format(cores), ""
    if not asked.isdigit() or not 1 <= int(asked) <= cores:
        found = "PATCHSKIP_THREADS is {!r}, there are {} cores".format(asked, cores)
        return WARN, found, "set it to 1..{}".format(cores)
    return OK, "{} of {} cores (PATCHSKIP_THREADS)".format(asked, cores), ""


def _self_check():
    from . import selfcheck

    return OK, "one convolution through ONNX Runtime, error {:.1e}".format(selfcheck.check()), ""


def _split(message):
    """An error's line -> what was found, how to mend it."""
    found, _, mend = message.rpartition("; ")
    return (found, mend) if found else (mend, "")


CHECKS = [
    ("python", _python),
    ("numpy", _package("numpy", "numpy", FAIL, "nothing runs without it")),
    ("onnxruntime", _package("onnxruntime", "onnxruntime", FAIL, "it runs the models")),
    ("opencv", _package("cv2", "opencv-python-headless", FAIL, "it reads and writes video")),
    ("onnx", _package("onnx", "onnx", WARN, "only export and inspect need it")),
    ("threads", _threads),
    (NATIVE, _native_library),
    ("instruction set", _instruction_set),
    ("self-check", _self_check),
]
