"""Checks of a Jetson: what it is, and whether it is set up to be fast. Each takes the machine, a system.System."""

import re

from patchskip.runtime import jetson

from .results import FAIL, OK, SKIP, WARN

NO_JETSON = SKIP, "this is no Jetson", ""
SMALL_MB, LEAST_FREE_MB, LEAST_SWAP_MB = 4200, 1000, 2000
SWAP = (
    "`sudo fallocate -l 4G /swapfile && sudo chmod 600 /swapfile && sudo mkswap /swapfile && sudo swapon /swapfile` "
    "until the engine is built"
)


def release(system):
    board = jetson.board(system)
    if not board:
        return NO_JETSON
    if not board.l4t:
        return WARN, "{}, and {} cannot be read".format(board.name, jetson.RELEASE), "mount it into the container"
    found = "{}, L4T R{}.{}".format(board.name, *board.l4t)
    if board.jetpack:
        found += ": JetPack {}, TensorRT {}".format(board.jetpack, board.tensorrt)
    if board.l4t < jetson.LEAST:
        return FAIL, found, "install JetPack 4.6.1 or newer: TensorRT 8.2 is the first that patchskip runs on"
    return OK, found, ""


def memory(system):
    values = {name: int(kb) // 1024 for name, kb in re.findall(r"(\w+): +(\d+) kB", system.read("/proc/meminfo") or "")}
    if not {"MemTotal", "MemAvailable", "SwapTotal"} <= set(values):
        return SKIP, "/proc/meminfo does not tell", ""
    total, free, swap = values["MemTotal"], values["MemAvailable"], values["SwapTotal"]
    found = "{} of {} MiB are free, {} MiB of swap".format(free, total, swap)
    if free < LEAST_FREE_MB:
        return WARN, found, "close other programs; without its desktop a Jetson has 1 GB more: `sudo init 3`"
    if jetson.board(system) and total < SMALL_MB and swap < LEAST_SWAP_MB:
        return WARN, found + ", little for building an engine", SWAP
    return OK, found, ""


def power_mode(system):
    if not jetson.board(system):
        return NO_JETSON
    mode = jetson.power_mode(system)
    if mode is None:
        return WARN, "nvpmodel does not tell", "see `sudo nvpmodel -q`"
    fastest = [other for other in jetson.power_modes(system) if other[0].startswith("MAXN")]
    if fastest and mode not in fastest:
        return WARN, "{}, {} is faster".format(mode[0], fastest[-1][0]), "`sudo nvpmodel -m {}`".format(fastest[-1][1])
    return OK, mode[0], ""


def clocks(system):
    if not jetson.board(system):
        return NO_JETSON
    ranges = sorted(jetson.clocks(system).items())
    found = ", ".join("{} {:.0f} to {:.0f} MHz".format(name, *allowed) for name, allowed in ranges) or "not readable"
    fixed = jetson.clocks_are_fixed(system)
    if fixed:
        return OK, found, ""
    mend = "`sudo jetson_clocks` fixes them, before anything is measured"
    return (WARN, found, mend) if fixed is False else (SKIP, found, "")


def temperature(system):
    degrees = jetson.temperature(system) if jetson.board(system) else None
    if degrees is None:
        return SKIP, "no sensor" if jetson.board(system) else "this is no Jetson", ""
    found = "{:.0f} degrees Celsius".format(degrees)
    return (WARN, found, "let it cool: hot boards run slower") if degrees >= jetson.HOT else (OK, found, "")


def group(system):
    """Who is not in the group `video` has neither the GPU nor a camera."""
    if not jetson.board(system):
        return NO_JETSON
    answer = system.run("id", "-Gn")
    groups = answer[1].split() if answer and answer[0] == 0 else []
    if "video" in groups or "root" in groups:
        return OK, "video", ""
    return FAIL, " ".join(groups) or "unknown", "`sudo usermod -aG video $USER`, then log in again"
