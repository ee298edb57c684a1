"""What a measurement was made on, and whether the machine let it be made."""

import hashlib
import os
import platform
from pathlib import Path

import numpy as np

from patchskip import __version__
from patchskip.plugins import library
from patchskip.runtime import opencv
from patchskip.runtime.errors import PatchskipError

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
OTHERS_LIMIT = 0.1  # of one core
STEAL_LIMIT = 0.02


def threads(asked=None):
    """-> `asked`, or PATCHSKIP_THREADS, or as many as there are cores. Raises PatchskipError for less than one."""
    value = asked if asked is not None else os.environ.get("PATCHSKIP_THREADS") or cores()
    if not str(value).isdecimal() or int(value) < 1:
        raise PatchskipError(f"threads is {value!r}; give a number, 1 or more")
    return int(value)


def describe(threads):
    """-> dict: processor, instruction set, threads, versions, and the hash of the native library."""
    return {
        "cpu": _cpu(),
        "machine": platform.machine(),
        "cores": cores(),
        "threads": threads,
        "isa": library.isa(),
        "governor": _governor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "onnxruntime": _onnxruntime(),
        "opencv": opencv.load().__version__,
        "numpy": np.__version__,
        "patchskip": __version__,
        "library_sha256": hashlib.sha256(Path(library.path()).read_bytes()).hexdigest(),
    }


def cores():
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu():
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.lower().startswith(("model name", "hardware")):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _onnxruntime():
    """Its version; None where there is none, as beside two engines."""
    try:
        import onnxruntime
    except ImportError:
        return None
    return onnxruntime.__version__


def _governor():
    try:
        return GOVERNOR.read_text().strip()
    except OSError:
        return None


class Watch:
    """`with Watch() as watch:` around a measurement; then `watch.reasons()` says how the machine disturbed it.

    gpu: a gpus.Gpu where one was measured.
    """

    def __init__(self, gpu=None):
        self._gpu, self._of_the_gpu = gpu, []

    def __enter__(self):
        self._before = _ticks()
        self.others = self.steal = 0.0
        return self

    def __exit__(self, *_):
        self._of_the_gpu = self._gpu.reasons() if self._gpu else []
        after = _ticks()
        if self._before and after:
            spent = {key: after[key] - self._before[key] for key in after}
            wall = spent["total"] / max(1, os.cpu_count() or 1)
            self.others = max(0.0, spent["busy"] - spent["ours"]) / max(1.0, wall)
            self.steal = spent["steal"] / max(1.0, wall)

    def reasons(self):
        reasons = list(self._of_the_gpu)
        if self.others > OTHERS_LIMIT:
            reasons.append(f"other processes took {self.others:.0%} of a core meanwhile")
        if self.steal > STEAL_LIMIT:
            reasons.append(f"the host took {self.steal:.1%} of a core away meanwhile")
        if _governor() == "powersave":
            reasons.append("the processor's governor is powersave; set it to performance")
        return reasons


def _ticks():
    """Clock ticks since boot: of all processors, busy, stolen by the host, and of this process. None where unknown."""
    try:
        first = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    except OSError:
        return None
    user, nice, system, idle, wait, irq, softirq, steal = (int(word) for word in first)
    own = os.times()
    hz = os.sysconf("SC_CLK_TCK")
    return {
        "total": user + nice + system + idle + wait + irq + softirq + steal,
        "busy": user + nice + system + irq + softirq,
        "steal": steal,
        "ours": (own.user + own.system) * hz,
    }
