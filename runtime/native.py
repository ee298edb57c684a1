"""Finding the native library, and saying what is wrong with one that does not load."""
import os
import platform
import struct

from .errors import PatchskipError

MEND = "build it with `pip install .` or `python plugins/build.py`"
MACHINES = {3: "i686", 8: "mips", 20: "ppc", 21: "ppc64le", 22: "s390x", 40: "armv7l", 62: "x86_64", 183: "aarch64",
            243: "riscv64"}  # e_machine in <elf.h>


def library_path():
    """-> path of the native library. Raises PatchskipError when it is missing or made for another machine."""
    from patchskip.plugins import library

    path = os.fspath(library.path())
    if not os.path.isfile(path):
        raise PatchskipError("the native operators are not built: there is no {}; {}".format(path, MEND))
    found, expected = machine_of(path), _this_machine()
    if found != expected:
        raise PatchskipError("{} is {}, and this machine needs {}; {}".format(path, found, expected, MEND))
    return path


def machine_of(path):
    """-> what a library file was made for: `x86_64 (64 bit)`, ..., or `not an ELF library`."""
    with open(path, "rb") as file:
        head = file.read(20)
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return "not an ELF library"
    machine, = struct.unpack("<H" if head[5] == 1 else ">H", head[18:20])
    return "{} ({} bit)".format(MACHINES.get(machine, "ELF machine {}".format(machine)), 64 if head[4] == 2 else 32)


def _this_machine():
    bits = 8 * struct.calcsize("P")
    name = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if bits == 32:  # a 32-bit Python on a 64-bit kernel
        name = {"x86_64": "i686", "aarch64": "armv7l"}.get(name, name)
    return "{} ({} bit)".format(name, bits)


def register(options):
    """Add the native operators to onnxruntime SessionOptions."""
    path = library_path()
    try:
        options.register_custom_ops_library(path)
    except Exception as error:
        raise PatchskipError("onnxruntime cannot load {}: {}; {}".format(path, one_line(error), MEND)) from error


def set_threads(count):
    """How many threads the native operators called from this thread may use."""
    from patchskip.plugins import library

    library.set_threads(count)


def default_threads():
    """-> PATCHSKIP_THREADS, or the processors this process may use."""
    value = os.environ.get("PATCHSKIP_THREADS")
    if not value:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not value.isdigit() or int(value) < 1:
        raise PatchskipError("PATCHSKIP_THREADS is {!r}; set it to a number of threads, 1 or more".format(value))
    return int(value)


def one_line(error):
    return " ".join(str(error).split())
