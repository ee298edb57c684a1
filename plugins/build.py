"""Compiles the native operators: `python plugins/build.py` makes `plugins/libpatchskip.so`.

Needs a C++14 compiler and nothing else: no CMake, no ONNX Runtime headers. setup.py loads this file by itself, so it
imports nothing of the package. `CXX=aarch64-linux-gnu-g++` cross-compiles; the compiler says for which machine.
"""

import argparse
import contextlib
import glob
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import List, Tuple

PLUGINS = os.path.dirname(os.path.realpath(__file__))
LIBRARY = os.path.join(PLUGINS, "libpatchskip.so")

FLAGS = (
    "-std=c++14 -O3 -fPIC -fvisibility=hidden -Wall -Wextra "
    "-Wno-unknown-pragmas -fno-math-errno -fno-trapping-math -ffp-contract=fast -pthread"
).split()

# The kernels are compiled once for each of these, best first; the library chooses among them when it is loaded.
ISAS = {
    "x86_64": [
        ("avx512", ["-march=skylake-avx512", "-mprefer-vector-width=512"]),
        ("avx2", ["-mavx2", "-mfma", "-mf16c"]),
        ("portable", []),
    ],
    "aarch64": [
        ("neon", ["-march=armv8-a"]),
        ("portable", ["-march=armv8-a"]),
    ],
}
OTHER_MACHINE: List[Tuple[str, List[str]]] = [("portable", [])]

# GCC before 8 does not know `#pragma GCC unroll`: it keeps sums on the stack, and matrix products take twice as long.
OLDEST, NEWEST = 8, 15

KERNELS = os.path.join("cpu", "kernels.cc")


class BuildError(RuntimeError):
    """The library could not be built: what was missing, or what the compiler said."""


def build(output=LIBRARY, cxx=None, machine=None, verbose=False):
    """Compiles what has changed and links the library at `output`; -> `output`.

    cxx: the compiler, by default $CXX, or g++ (g++-N where that is older than OLDEST), or c++, or clang++. machine:
    `x86_64`, `aarch64`, ...; by default the one the compiler makes code for.
    Raises BuildError when there is no compiler or it fails.
    """
    cxx, machine = _tools(cxx, machine)
    sources = _sources("common") + _sources("cpu") + _sources("cuda") + _sources("onnxruntime")
    objects = _compile(sources, cxx, machine, verbose)
    return _link(objects, output, ["-shared", "-Wl,--no-undefined"], cxx, machine, verbose)


def build_conformance(output, cxx=None, verbose=False):
    """Builds the conformance runner (plugins/conformance/main.cc) at `output`, static: it runs under an emulator."""
    cxx, machine = _tools(cxx, None)
    objects = _compile(_sources("common") + _sources("cpu") + _sources("conformance"), cxx, machine, verbose)
    return _link(objects, output, ["-static"], cxx, machine, verbose)


def build_emulation(output, cxx=None, verbose=False):
    """Builds the CUDA kernels as C++ that runs on this machine's CPU (plugins/cuda/emulation) at `output`."""
    cxx, machine = _tools(cxx, None)
    objects = _compile(_sources(os.path.join("cuda", "emulation")), cxx, machine, verbose)
    return _link(objects, output, ["-shared", "-Wl,--no-undefined"], cxx, machine, verbose)


def build_tensorrt(output, adapter, cubins, include=(), cxx=None, verbose=False):
    """Builds the TensorRT plugin at `output`: plugins/tensorrt/build.py. Nothing of TensorRT or CUDA is linked.

    adapter: the source that knows TensorRT. cubins: that which holds the kernels. include: folders of the adapter's.
    """
    cxx, machine = _tools(cxx, None)
    headers = ["-Wno-deprecated-declarations"] + ["-isystem" + path for path in include]
    objects = _compile(_sources("common") + _planner() + _without_tensorrt() + [cubins], cxx, machine, verbose)
    objects += _compile([adapter], cxx, machine, verbose, headers)
    flags = ["-shared", "-Wl,--no-undefined", "-Wl,--no-as-needed", "-ldl"]
    return _link(objects, output, flags, cxx, machine, verbose)


def target(cxx=None):
    """The machine that the compiler makes code for, as `uname -m` names it."""
    return _tools(cxx, None)[1]


def compiler(cxx=None):
    """The compiler's command, as a list."""
    return _tools(cxx, None)[0]


def folder(cxx=None):
    """Where what is made on the way lies."""
    return _build_folder(target(cxx))


def _tools(cxx, machine):
    """-> the compiler's command as a list, and its machine."""
    cxx = cxx or os.environ.get("CXX")
    candidates = [cxx] if cxx else _candidates()
    for candidate in candidates:
        command = shlex.split(candidate)
        try:
            triple = subprocess.check_output(command + ["-dumpmachine"], stderr=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            continue
        machine = machine or triple.decode().split("-")[0] or platform.machine()
        return command, {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    raise BuildError(
        "building the native operators: no C++ compiler found (tried {}); "
        "install g++ (apt install g++) or set CXX".format(", ".join(candidates))
    )


def _candidates():
    """The compilers to look for. JetPack 4.6 has g++ 7.5, and g++-8 to be installed beside it."""
    newer = ["g++-{}".format(version) for version in range(NEWEST, OLDEST - 1, -1)]
    return (newer if _too_old("g++") else []) + ["g++", "c++", "clang++"]


def _too_old(gcc):
    try:
        version = subprocess.check_output([gcc, "-dumpversion"], stderr=subprocess.DEVNULL).decode()
    except (OSError, subprocess.CalledProcessError):
        return False
    major = version.split(".")[0].strip()
    return major.isdigit() and int(major) < OLDEST


def _sources(folder):
    return sorted(glob.glob(os.path.join(PLUGINS, folder, "*.cc")))


def _planner():
    return [source for source in _sources("cuda") if os.path.basename(source) != "c_api.cc"]


def _without_tensorrt():
    return [source for source in _sources("tensorrt") if not os.path.basename(source).startswith("plugin_")]


def _compile(sources, cxx, machine, verbose, extra=()):
    """Compiles the sources whose objects are out of date; -> all the objects. extra: flags, beside FLAGS."""
    folder = _build_folder(machine)
    isas = ISAS.get(machine, OTHER_MACHINE)
    everything = glob.glob(os.path.join(PLUGINS, "**"), recursive=True)
    headers = [path for path in everything if path.endswith((".h", ".cuh"))]
    newest_header = _newest(headers)
    objects, commands = [], []
    for source in sources:
        name = os.path.relpath(source, PLUGINS).replace(os.pardir + os.sep, "")
        variants = [("-" + isa, ["-DPS_ISA=" + isa] + flags) for isa, flags in isas] if name == KERNELS else [("", [])]
        for suffix, flags in variants:
            made = os.path.join(folder, name[: -len(".cc")].replace(os.sep, "-") + suffix + ".o")
            command = cxx + FLAGS + ["-I" + PLUGINS] + list(extra) + flags + _extra_flags() + ["-c", source, "-o", made]
            objects.append(made)
            if _is_stale(made, max(newest_header, os.path.getmtime(source)), made + ".command", command):
                commands.append((made + ".command", command))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda job: _run(job[1], job[0], verbose), commands))
    return objects


def _link(objects, output, flags, cxx, machine, verbose):
    """Links `objects` at `output`, which is replaced only when that succeeded."""
    if not objects:
        raise BuildError("building {}: no sources under {}; reinstall patchskip".format(output, PLUGINS))
    output = os.path.abspath(output)
    stamp = os.path.join(_build_folder(machine), output.strip(os.sep).replace(os.sep, "-") + ".command")
    command = cxx + flags + ["-pthread"] + _extra_flags() + objects
    if _is_stale(output, _newest(objects), stamp, command):
        with _replacing(output) as temporary:
            _run(command + ["-o", temporary], None, verbose)
        _write(stamp, " ".join(command))
    return output


def _build_folder(machine):
    folder = os.path.join(os.path.dirname(PLUGINS), "build", "plugins-" + machine)
    os.makedirs(folder, exist_ok=True)
    return folder


def _extra_flags():
    return shlex.split(os.environ.get("CXXFLAGS", ""))


def _newest(paths):
    return max([os.path.getmtime(path) for path in paths] or [0])


def _is_stale(made, newest_input, stamp, command):
    """Is the file missing, older than its inputs, or made by another command than the one kept in `stamp`?"""
    try:
        with open(stamp) as file:
            return file.read() != " ".join(command) or os.path.getmtime(made) < newest_input
    except OSError:
        return True


def _run(command, stamp, verbose):
    """Runs the compiler and, when it succeeded, keeps the command in `stamp`."""
    if verbose:
        print(" ".join(command), file=sys.stderr)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.communicate()[0].decode("utf-8", "replace").strip()
    if process.returncode:
        raise BuildError("building the native operators: `{}` failed:\n{}".format(" ".join(command), output))
    if output:
        print(output, file=sys.stderr)
    if stamp:
        _write(stamp, " ".join(command))


def _write(path, text):
    with open(path, "w") as file:
        file.write(text)


@contextlib.contextmanager
def _replacing(output):
    """A temporary path beside `output` that takes its place when the block succeeds."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(output), prefix=".patchskip-")
    os.close(handle)
    try:
        yield temporary
        os.chmod(temporary, 0o755)
        os.replace(temporary, output)
    finally:
        with contextlib.suppress(OSError):
            os.remove(temporary)


def _require_place(output):
    """Raises BuildError unless `output` can be written: before minutes of compiling."""
    folder = os.path.dirname(os.path.abspath(output))
    if not os.path.isdir(folder):
        raise BuildError("cannot write {}: there is no folder {}; make it first".format(output, folder))
    if os.path.isdir(output):
        raise BuildError("cannot write {}: it is a folder; give the name of a file in it".format(output))
    if not os.access(folder, os.W_OK):
        raise BuildError("cannot write {}: permission denied; write somewhere else".format(output))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", help="the library to make (default: {})".format(os.path.relpath(LIBRARY)))
    parser.add_argument("--conformance", metavar="FILE", help="build the conformance runner, and not the library")
    parser.add_argument("--aarch64", action="store_true", help="cross-compile, into build/plugins-aarch64")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the compiler's commands")
    arguments = parser.parse_args()
    if arguments.conformance and arguments.output:
        parser.error("--conformance FILE names what is built; leave --output out")
    cxx, output = None, LIBRARY
    if arguments.aarch64:
        cxx, output = "aarch64-linux-gnu-g++", os.path.join(_build_folder("aarch64"), os.path.basename(LIBRARY))
    output = arguments.conformance or arguments.output or output
    try:
        _require_place(output)
        if arguments.conformance:
            build_conformance(output, cxx, verbose=arguments.verbose)
        else:
            print(build(output, cxx, verbose=arguments.verbose))
    except BuildError as error:
        print("patchskip: {}".format(error), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
