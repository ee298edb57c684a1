"""`patchskip doctor`: what is installed, what is missing, how to mend it."""

from patchskip import __version__
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_json, check_targets
from patchskip.runtime.system import System

from . import board, gpu, software
from .results import FAIL, SKIP, WARN, split

NUMPY, NATIVE = "numpy", "native library"
NEEDED = (NUMPY, NATIVE)  # by all that comes after them

CHECKS = [
    ("python", software.python),
    (NUMPY, software.numpy),
    ("jetson", board.release),
    ("memory", board.memory),
    ("power mode", board.power_mode),
    ("clocks", board.clocks),
    ("temperature", board.temperature),
    ("group", board.group),
    ("opencv", software.video),
    ("gpu", gpu.device),
    ("tensorrt", gpu.tensorrt),
    ("onnxruntime", software.onnxruntime),
    ("onnx", software.package("onnx", "onnx", WARN, "only export and inspect need it")),
    ("threads", software.threads),
    (NATIVE, software.native_library),
    ("instruction set", software.instruction_set),
    ("self-check", software.self_check),
    ("cuda compiler", gpu.compiler),
    ("plugin", gpu.plugin),
]


def add_arguments(parser):
    """`--json` and `--quiet` are enough."""


def main(args, system=None):
    check_targets([args.json])
    results = []
    for name, check in CHECKS:
        try:
            status, found, mend = check(system or System())
        except PatchskipError as error:
            status, (found, mend) = FAIL, split(str(error))
        results.append({"check": name, "status": status, "found": found, "mend": mend})
        if status != SKIP and not args.quiet and args.json != "-":
            print("{:<5} {:<18} {}{}".format(status, name, found, "; " + mend if mend else ""), flush=True)
        if name in NEEDED and status == FAIL:
            break
    failed = any(result["status"] == FAIL for result in results)
    if args.json:
        atomic_json(args.json, {"ok": not failed, "version": __version__, "checks": results})
    return 1 if failed else 0
