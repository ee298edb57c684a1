"""Machines as `patchskip doctor` and `benchmark` see them: their files and what their commands answer."""

import fnmatch

from patchskip.runtime.system import System

NUMPY = "import numpy; print(numpy.__version__)"


class Machine(System):
    """files: {path: content}. commands: {"program arguments": output, or (status, output)}."""

    def __init__(self, files, commands):
        self.files, self.commands = dict(files), dict(commands)
        self.environment = {}

    def read(self, path):
        return self.files.get(path)

    def find(self, pattern):
        parts = pattern.strip("/").count("/")
        folders = {"/".join(path.split("/")[: parts + 2]) for path in self.files}
        return sorted(path for path in folders if fnmatch.fnmatch(path, pattern))

    def run(self, *command):
        words = ["python3"] + list(command[1:]) if NUMPY in command else list(command)
        answer = self.commands.get(" ".join(words))
        return answer if answer is None or isinstance(answer, tuple) else (0, answer)


def meminfo(total, available, swap):
    return "MemTotal:  {} kB\nMemFree:  1 kB\nMemAvailable:  {} kB\nSwapTotal:  {} kB".format(
        *(1024 * n for n in (total, available, swap))
    )


def clocks(gpu, least, most, cpu_least, cpu_most):
    """In MHz. gpu: the name of its folder."""
    cpu = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_{}_freq"
    folder = "/sys/class/devfreq/{}/{}_freq"
    return {
        cpu.format("min"): str(cpu_least * 1000),
        cpu.format("max"): str(cpu_most * 1000),
        folder.format(gpu, "min"): str(least * 1000000),
        folder.format(gpu, "max"): str(most * 1000000),
    }


NANO = Machine(
    {
        "/etc/nv_tegra_release": "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64, "
        "DATE: Sat Feb 19 17:05:08 UTC 2022",
        "/proc/device-tree/model": "NVIDIA Jetson Nano Developer Kit",
        "/proc/meminfo": meminfo(3964, 2400, 1982 + 4096),
        "/etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=MAXN >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=1 NAME=5W >\n"
        "< PM_CONFIG DEFAULT=0 >",
        "/sys/class/thermal/thermal_zone0/temp": "41500",
        "/sys/class/thermal/thermal_zone1/temp": "38000",
        "/sys/class/thermal/thermal_zone4/temp": "100000000",  # of the power chip, which has no sensor
        **clocks("57000000.gpu", 921, 921, 1479, 1479),
    },
    {
        "python3 -c " + NUMPY: "1.19.4\n",
        "nvpmodel -q": "NVPM WARN: fan mode is not set!\nNV Power Mode: MAXN\n0\n",
        "id -Gn": "jetson adm sudo audio video",
    },
)

ORIN = Machine(
    {
        "/etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64",
        "/proc/device-tree/model": "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
        "/proc/meminfo": meminfo(7607, 5000, 3803),
        "/etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=25W >\n"
        "< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n",
        "/sys/class/thermal/thermal_zone0/temp": "51000",
        **clocks("17000000.gpu", 306, 1020, 729, 1728),
    },
    {
        "python3 -c " + NUMPY: "1.26.4\n",
        "nvpmodel -q": "NV Power Mode: 25W\n1\n",
        "id -Gn": "me adm sudo video",
    },
)

DESKTOP = Machine({"/proc/meminfo": meminfo(32000, 20000, 0)}, {"python3 -c " + NUMPY: "2.4.0\n"})
