"""What a Jetson says of itself: release, power mode, clocks, temperature. Sources: its files, `nvpmodel`."""

import re

RELEASE = "/etc/nv_tegra_release"
MODEL = "/proc/device-tree/model"
HOT = 80  # degrees Celsius; boards begin to slow down some degrees above

# L4T -> JetPack and its TensorRT, from NVIDIA's archive of releases. A release not listed is newer than its neighbours.
JETPACKS = (
    ((32, 5), "4.5", "7.1"),
    ((32, 6), "4.6", "8.0"),
    ((32, 7), "4.6.1 or newer", "8.2"),
    ((35, 1), "5.0.2", "8.4"),
    ((35, 2), "5.1", "8.5"),
    ((36, 2), "6.0", "8.6"),
    ((36, 4), "6.1 or newer", "10.3"),
)
LEAST = (32, 7)  # with TensorRT 8.2


class Board(object):
    """name     such as "NVIDIA Jetson Nano Developer Kit"
    l4t         (major, minor), or None where it is not known
    jetpack     such as "4.6.1 or newer", or None
    tensorrt    that this JetPack has, such as "8.2", or None
    """

    def __init__(self, name, l4t):
        self.name, self.l4t, self.jetpack, self.tensorrt = name, l4t, None, None
        for release, jetpack, tensorrt in JETPACKS:
            if l4t and l4t[0] == release[0] and l4t >= release:
                self.jetpack, self.tensorrt = jetpack, tensorrt


def board(system):
    """-> Board, or None on another machine."""
    text, name = system.read(RELEASE), system.read(MODEL) or ""
    match = re.match(r"# R(\d+) \(release\), REVISION: (\d+)", text or "")
    if not match and "jetson" not in name.lower():
        return None
    return Board(name or "a Jetson", tuple(int(n) for n in match.groups()) if match else None)


def power_mode(system):
    """-> (name, number) of the mode that nvpmodel has set, or None."""
    answer = system.run("nvpmodel", "-q")
    match = re.search(r"NV Power Mode: *(\S+)\s+(\d+)", answer[1] if answer else "")
    return (match.group(1), int(match.group(2))) if match else None


def power_modes(system):
    """-> [(name, number)] that the board has."""
    text = system.read("/etc/nvpmodel.conf") or ""
    return [(name, int(number)) for number, name in re.findall(r"POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+)", text)]


def clocks(system):
    """-> {"cpu" or "gpu": (least, most) frequency in MHz that is allowed now}; what is not readable is absent.

    `jetson_clocks` makes the two the same.
    """
    found = {}  # type: dict
    for path in system.find("/sys/devices/system/cpu/cpu0/cpufreq"):
        _add(found, "cpu", system, path + "/scaling_min_freq", path + "/scaling_max_freq", 1e3)
    for path in system.find("/sys/class/devfreq/*"):
        if path.rsplit(".", 1)[-1] in ("gpu", "gp10b", "gv11b", "ga10b"):
            _add(found, "gpu", system, path + "/min_freq", path + "/max_freq", 1e6)
    return found


def clocks_are_fixed(system):
    """-> bool, or None where it cannot be known."""
    found = clocks(system)
    return all(least == most for least, most in found.values()) if "gpu" in found else None


def temperature(system):
    """-> the hottest zone in degrees Celsius, or None."""
    values = [system.read(path) for path in system.find("/sys/class/thermal/thermal_zone*/temp")]
    degrees = [int(value) / 1000.0 for value in values if value and re.match(r"-?\d+$", value)]
    return max([value for value in degrees if value < 150] or [0]) or None


def _add(found, name, system, least, most, unit):
    values = [system.read(path) for path in (least, most)]
    if all(value and value.isdigit() for value in values):
        found[name] = tuple(int(value) / unit for value in values)
