"""Compiles the TensorRT plugin: `make plugin` makes plugins/libpatchskip_tensorrt.so.

It is for one major version of TensorRT, that of the headers found, and holds the kernels for the GPUs it is told of.
Neither TensorRT's library nor a GPU needs to be there, and nothing of CUDA but a compiler for its kernels.
"""

import argparse
import glob
import hashlib
import os
import subprocess
import sys

from patchskip.plugins import build
from patchskip.plugins.cuda import compile as kernels
from patchskip.runtime import files
from patchskip.runtime.errors import PatchskipError, exit_status, one_line

HERE = os.path.join(build.PLUGINS, "tensorrt")
LIBRARY = os.path.join(build.PLUGINS, "libpatchskip_tensorrt.so")
HEADER = "NvInferVersion.h"
FOLDERS = ["/usr/include", "/usr/local/TensorRT*/include", "/usr/local/tensorrt/include", "/opt/TensorRT*/include"]
BOARD = "/proc/device-tree/model"
BOARDS = [("Thor", 110), ("Orin", 87), ("Xavier", 72), ("TX2", 62), ("TX1", 53), ("Nano", 53)]
WHAT = "building the TensorRT plugin"


def build_plugin(include, cubins, output=LIBRARY, cxx=None, verbose=False):
    """-> `output`. include: the folder of TensorRT's headers. cubins: {compute capability: the kernels as a cubin}.

    Raises PatchskipError or build.BuildError when TensorRT is one there is no plugin for, or the compiler fails.
    """
    version = tensorrt_version(include, cxx)
    if version[0] not in (8, 10, 11) or version < (8, 2, 0):
        raise PatchskipError(
            "{}: TensorRT {} in {}; it is for 8.2 to 8.6, 10 and 11".format(WHAT, text(version), include)
        )
    adapter = os.path.join(HERE, "plugin_v2.cc" if version[0] == 8 else "plugin_v3.cc")
    includes = [os.path.join(HERE, "cuda_types"), include]
    return build.build_tensorrt(output, adapter, embed(cubins, cxx), includes, cxx, verbose)


def find_headers(cxx=None):
    """-> the folder of TensorRT's headers. Raises PatchskipError when there is none."""
    given = os.environ.get("TENSORRT_INCLUDE")
    triple = _run(build.compiler(cxx) + ["-dumpmachine"]).replace("-pc-", "-").replace("-unknown-", "-")
    patterns = [given] if given else [os.path.join("/usr/include", triple)] + FOLDERS
    for pattern in patterns:
        for folder in sorted(glob.glob(pattern), reverse=True):  # the newest of several
            if os.path.exists(os.path.join(folder, HEADER)):
                return os.path.abspath(folder)
    raise PatchskipError(
        "{}: no {} in {}; install TensorRT's headers (apt install libnvinfer-dev), or say where they are: "
        "make plugin TENSORRT_INCLUDE=folder".format(WHAT, HEADER, ", ".join(patterns))
    )


def tensorrt_version(include, cxx=None):
    """-> (major, minor, patch) of the headers in the folder `include`."""
    source = '#include "{}"\nNV_TENSORRT_MAJOR NV_TENSORRT_MINOR NV_TENSORRT_PATCH\n'.format(
        os.path.join(include, HEADER)
    )
    words = _run(build.compiler(cxx) + ["-x", "c++", "-E", "-P", "-"], source).split()
    try:
        major, minor, patch = (int(word) for word in words[-3:])
    except ValueError:
        raise PatchskipError("{}: {} has no version; reinstall libnvinfer-dev".format(WHAT, include)) from None
    return major, minor, patch


def text(version):
    return ".".join(str(part) for part in version)


def find_sms():
    """-> compute capabilities to compile for: $SM, or this machine's. Raises PatchskipError when neither is known."""
    asked = os.environ.get("SM", "").replace(",", " ").replace(".", "").split()
    if asked:
        if not all(word.isdigit() for word in asked):
            raise PatchskipError("{}: SM is {!r}; expected numbers such as 53,87".format(WHAT, os.environ["SM"]))
        return sorted({int(word) for word in asked})
    from patchskip.plugins.cuda import driver

    try:
        return [driver.device().sm]
    except PatchskipError as error:
        reason = str(error)
    try:
        with open(BOARD) as file:
            board = file.read()
    except OSError:
        board = ""
    for name, sm in BOARDS:
        if name in board:
            return [sm]
    raise PatchskipError(
        "{}: for which GPU? Say its compute capability: make plugin SM=53. This machine has none: {}".format(
            WHAT, reason
        )
    )


def embed(cubins, cxx=None):
    """Writes a source that holds the cubins as driver.h declares them, unless it is there. -> its path."""
    folder = build.folder(cxx)
    assembly, declarations, entries = [], [], []
    for sm, cubin in sorted(cubins.items()):
        name = "patchskip_sm_{}".format(sm)
        path = os.path.join(folder, "{}-{}.cubin".format(name, hashlib.sha256(cubin).hexdigest()[:16]))
        with files.atomic_path(path) as temporary, open(temporary, "wb") as file:
            file.write(cubin)
        assembly.append('.balign 64\n{}: .incbin "{}"'.format(name, path))
        declarations.append('extern "C" __attribute__((visibility("hidden"))) const char {}[];'.format(name))
        entries.append("{{{}, {}}}".format(sm, name))
    source = SOURCE.format(
        assembly="\n".join(assembly),
        declarations="\n".join(declarations),
        entries=", ".join(entries),
        count=len(entries),
    )
    path = os.path.join(folder, "cubins.cc")
    if not os.path.exists(path) or _read(path) != source:
        with files.atomic_text(path) as file:
            file.write(source)
    return path


SOURCE = """// Made by plugins/tensorrt/build.py.
#include "tensorrt/driver.h"

asm(R"(
.section .rodata
{assembly}
.previous
)");
{declarations}

namespace patchskip {{
namespace cuda {{
const Cubin kCubins[] = {{{entries}}};
const int kCubinCount = {count};
}}
}}
"""


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def _run(command, given=""):
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True
    )
    said = process.communicate(given)[0].strip()
    if process.returncode:
        raise PatchskipError("{}: `{}` failed: {}".format(WHAT, " ".join(command), one_line(said)))
    return said


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="environment: TENSORRT_INCLUDE, the folder of its headers; SM, compute capabilities such as 53,87 "
        "(default: this machine's GPU); CXX, the compiler",
    )
    parser.add_argument("-o", "--output", default=LIBRARY, help="default: " + os.path.relpath(LIBRARY))
    parser.add_argument("-v", "--verbose", action="store_true", help="print the compiler's commands")
    return exit_status(_make, parser.parse_args())


def _make(arguments):
    files.check_targets([arguments.output])
    try:
        include = find_headers()
        print("TensorRT {}: {}".format(text(tensorrt_version(include)), include))
        cubins = {}
        for sm in find_sms():
            print("kernels for sm_{}: {}".format(sm, kernels.compiler(sm).description), flush=True)
            cubins[sm] = kernels.cubin(sm)
        print(build_plugin(include, cubins, arguments.output, verbose=arguments.verbose))
    except build.BuildError as error:
        raise PatchskipError(str(error)) from error
    return 0


if __name__ == "__main__":
    sys.exit(main())
