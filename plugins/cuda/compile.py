"""Compiles the CUDA kernels (device/) for one compute capability, with NVRTC or with nvcc. Needs no GPU.

NVRTC is a library: of the wheel nvidia-cuda-nvrtc-cu12, of a CUDA toolkit, or $PATCHSKIP_NVRTC. It comes first, because
that of CUDA 12 compiles for every GPU from the Jetson Nano's on, and newer toolkits do not.
"""

import ctypes
import functools
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

from patchskip.plugins import build
from patchskip.runtime import files
from patchskip.runtime.errors import PatchskipError, one_line

SOURCE = os.path.join(build.PLUGINS, "cuda", "device", "kernels.cu")
FOLDERS = [os.path.dirname(SOURCE), os.path.join(build.PLUGINS, "common")]  # of all that it includes
PIP = "pip install nvidia-cuda-nvrtc-cu12==12.9.86"


def cubin(sm):
    """-> the kernels as a cubin (bytes) for compute capability `sm` (10 * major + minor).

    Compiled once: the result is kept in build/cubins until the sources or the compiler change. Raises PatchskipError
    when no compiler for `sm` is there, or it fails.
    """
    chosen = compiler(sm)
    folder = os.path.join(os.path.dirname(build.PLUGINS), "build", "cubins")
    path = os.path.join(folder, "sm_{}-{}.cubin".format(sm, _key(chosen)))
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        pass
    made = chosen.compile(sm)
    try:
        os.makedirs(folder, exist_ok=True)
        with files.atomic_path(path) as temporary, open(temporary, "wb") as file:
            file.write(made)
    except (OSError, PatchskipError):
        pass  # an installation that cannot be written to compiles each time
    return made


def compiler(sm):
    """-> the compiler that `cubin` uses for `sm`; its `description` is the name and version."""
    found = compilers()
    for candidate in found:
        if sm in candidate.architectures:
            return candidate
    reasons = ["{} compiles for {}".format(c.description, _spelled(c.architectures)) for c in found]
    raise PatchskipError(
        "compiling the CUDA kernels for sm_{}: {}; {}, or set PATCHSKIP_NVRTC to the libnvrtc.so of CUDA 11.2 to "
        "12.9".format(sm, ", ".join(reasons) or "found neither NVRTC nor nvcc", PIP)
    )


@functools.lru_cache(maxsize=None)
def compilers():
    """-> every compiler found on this machine, the preferred first."""
    given = os.environ.get("PATCHSKIP_NVRTC")
    found = []
    for path in [given] if given else _nvrtc_paths():
        try:
            found.append(Nvrtc(path))
        except (OSError, AttributeError) as error:  # not there, or older than CUDA 11.2, which makes no cubin
            if given:
                raise PatchskipError(
                    "PATCHSKIP_NVRTC={}: {}; give a libnvrtc.so of CUDA 11.2 or newer".format(path, one_line(error))
                ) from None
    nvcc = _nvcc_path()
    return found + [Nvcc(nvcc)] if nvcc else found


class Nvrtc(object):
    def __init__(self, path):
        self.path, self._library = path, ctypes.CDLL(path)
        for needed in ("nvrtcGetCUBIN", "nvrtcGetSupportedArchs"):
            getattr(self._library, needed)
        major, minor, count = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        self._call("Version", ctypes.byref(major), ctypes.byref(minor))
        self._call("GetNumSupportedArchs", ctypes.byref(count))
        architectures = (ctypes.c_int * count.value)()
        self._call("GetSupportedArchs", architectures)
        self.architectures = list(architectures)
        self.description = "NVRTC {}.{}".format(major.value, minor.value)

    def compile(self, sm):
        source = '#include "{}"\n'.format(os.path.relpath(SOURCE, build.PLUGINS)).encode()
        flags = ["--std=c++14", "--gpu-architecture=sm_{}".format(sm), "--include-path=" + build.PLUGINS]
        options = (ctypes.c_char_p * len(flags))(*[os.fsencode(flag) for flag in flags])
        program = ctypes.c_void_p()
        self._call("CreateProgram", ctypes.byref(program), source, b"patchskip.cu", 0, None, None)
        try:
            if self._library.nvrtcCompileProgram(program, len(flags), options):
                log = self._get("ProgramLog", program).rstrip(b"\0").decode("utf-8", "replace")
                raise _failed(sm, self.description, log)
            return self._get("CUBIN", program)
        finally:
            self._library.nvrtcDestroyProgram(ctypes.byref(program))

    def _get(self, what, program):
        size = ctypes.c_size_t()
        self._call("Get" + what + "Size", program, ctypes.byref(size))
        text = ctypes.create_string_buffer(size.value)
        self._call("Get" + what, program, text)
        return text.raw

    def _call(self, name, *arguments):
        status = getattr(self._library, "nvrtc" + name)(*arguments)
        if status:
            raise PatchskipError("{}: nvrtc{} gave {}; reinstall it: {}".format(self.path, name, status, PIP))


class Nvcc(object):
    def __init__(self, path):
        self.path = path
        try:
            release = re.search(r"release ([\d.]+)", self._run("--version"))
            self.architectures = sorted({int(sm) for sm in re.findall(r"\bsm_(\d+)\b", self._run("--help"))})
        except (OSError, subprocess.CalledProcessError) as error:
            raise PatchskipError("{}: {}; repair the CUDA toolkit".format(path, one_line(error))) from None
        self.description = "nvcc {}".format(release.group(1) if release else "of unknown version")

    def compile(self, sm):
        with tempfile.TemporaryDirectory(prefix="patchskip-") as folder:
            made = os.path.join(folder, "kernels.cubin")
            try:
                self._run("-std=c++14", "-cubin", "-arch=sm_{}".format(sm), "-I" + build.PLUGINS, "-o", made, SOURCE)
            except subprocess.CalledProcessError as error:
                raise _failed(sm, self.description, error.output) from None
            with open(made, "rb") as file:
                return file.read()

    def _run(self, *arguments):
        return subprocess.check_output((self.path,) + arguments, stderr=subprocess.STDOUT, universal_newlines=True)


def _failed(sm, made_by, output):
    # The first line with an error in it, else the first: the compiler's whole output is no message.
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it said nothing"]
    first = next((line for line in lines if "error" in line), lines[0])
    return PatchskipError("compiling the CUDA kernels for sm_{} with {}: {}".format(sm, made_by, first))


def _key(chosen):
    """Changes with the sources, the compiler and what it is asked."""
    key = hashlib.sha256(chosen.description.encode())
    sources = [path for folder in FOLDERS for path in glob.glob(os.path.join(folder, "*.[ch]*"))]
    for path in [os.path.realpath(__file__)] + sorted(sources):
        with open(path, "rb") as file:
            key.update(file.read())
    return key.hexdigest()[:16]


def _nvrtc_paths():
    folders = [os.path.join(entry, "nvidia", "*", "lib") for entry in sys.path]
    folders += [os.path.join(entry, name) for entry in _toolkits() for name in ("lib64", "lib")]
    found = []
    for folder in folders:
        for path in sorted(os.path.realpath(path) for path in glob.glob(os.path.join(folder, "libnvrtc.so*"))):
            if path not in found:
                found.append(path)
    return found


def _nvcc_path():
    """That on the PATH, or in a toolkit's own folder: JetPack's is on no PATH."""
    paths = [shutil.which("nvcc")] + [os.path.join(folder, "bin", "nvcc") for folder in _toolkits()]
    return next((path for path in paths if path and os.access(path, os.X_OK)), None)


def _toolkits():
    return [os.environ[name] for name in ("CUDA_HOME", "CUDA_PATH") if os.environ.get(name)] + ["/usr/local/cuda"]


def _spelled(architectures):
    return ", ".join("sm_{}".format(sm) for sm in architectures)
