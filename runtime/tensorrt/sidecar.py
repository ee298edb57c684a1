"""`model.engine.json`: what an engine was built from, by what and for what. Checked before TensorRT sees the engine,
whose own words for a wrong one are few, or none."""

import hashlib
import json
import os

from patchskip.runtime.errors import PatchskipError

from . import loading

FORMAT = 1
KEYS = ("tensorrt", "flavour", "gpu", "sm", "plugin", "onnx", "precision", "workspace_bytes", "engine", "metadata")


def path_of(engine):
    return os.fspath(engine) + ".json"


def read(engine):
    """-> dict. engine: the engine's path. Raises PatchskipError when the sidecar is missing or damaged."""
    path = path_of(engine)
    try:
        with open(path, encoding="utf-8") as file:
            sidecar = json.load(file)
    except OSError as error:
        raise PatchskipError(
            "{} says what {} was built for and cannot be read ({}); copy both files, or build the engine with "
            "`patchskip build`".format(path, engine, error.strerror)
        ) from None
    except ValueError:
        raise PatchskipError("{} is not JSON; copy it again, or build the engine again".format(path)) from None
    found = sidecar.get("format") if isinstance(sidecar, dict) else None
    missing = [key for key in KEYS if found and key not in sidecar]
    if found != FORMAT or missing:
        raise PatchskipError(
            "{} is {}; build the engine again with this version of patchskip".format(
                path, "without {!r}".format(missing[0]) if missing else "of format {!r}, not {}".format(found, FORMAT)
            )
        )
    return sidecar


def contents(engine, sidecar):
    """-> the engine's bytes. Raises PatchskipError unless they are those that were built."""
    expected = sidecar["engine"]
    with open(engine, "rb") as file:
        data = file.read()
    if len(data) != expected["bytes"]:
        found = "has {} bytes, {} when it was built".format(len(data), expected["bytes"])
    elif hashlib.sha256(data).hexdigest() != expected["sha256"]:
        found = "is not the file that was built: its SHA-256 is another"
    else:
        return data
    raise PatchskipError("{} {}; copy it again with its .json, or {}".format(engine, found, rebuild(engine, sidecar)))


def check_device(engine, sidecar, gpu):
    """gpu: a driver.Device. Raises PatchskipError unless the engine was built for one like it, or for any."""
    if sidecar["sm"] not in (None, gpu.sm):
        raise PatchskipError(
            "{} was built for {} (sm_{}), this GPU is {} (sm_{}); {}".format(
                engine, sidecar["gpu"], sidecar["sm"], gpu.name, gpu.sm, rebuild(engine, sidecar)
            )
        )


def check_software(engine, sidecar, tensorrt, plugin):
    """tensorrt: the version of what is imported. plugin: {"kind", "version"} of what is loaded."""
    for what, built, found in (
        ("TensorRT", _release(sidecar["tensorrt"]), _release(tensorrt)),
        ("patchskip's plugin", sidecar["plugin"]["version"], plugin["version"]),
        ("the plugin", sidecar["plugin"]["kind"], plugin["kind"]),
    ):
        if built != found:
            raise PatchskipError(
                "{} was built with {} {}, here is {}; {}".format(engine, what, built, found, rebuild(engine, sidecar))
            )


def plugin(sidecar):
    """-> what to give loading.load for the plugin."""
    if sidecar["plugin"]["kind"] == loading.PYTHON:
        return loading.PYTHON
    path = sidecar["plugin"].get("path", "")
    return path if os.path.isfile(path) else loading.LIBRARY


def rebuild(engine, sidecar):
    """-> how to make the engine again."""
    option = " --fp16" if sidecar["precision"] == "float16" else ""
    return "build it here: `patchskip build {} -o {}{}`".format(sidecar["onnx"]["file"], engine, option)


def _release(version):
    """8.2.1.9 -> 8.2.1: engines are exchanged within a release."""
    return ".".join(version.split(".")[:3])
