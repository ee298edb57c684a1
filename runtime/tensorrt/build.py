"""`patchskip build`: an exported model becomes a TensorRT engine, on the machine that will run it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import Optional

from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_json, atomic_path, check_targets

MIB = 2**20
WORKSPACE_MIB = 64
BEAT_S = 5
NEEDED_MIB = 600  # by TensorRT itself, while it builds
MODEL_COPIES = 4  # of the weights, at the same time
MEMINFO = "/proc/meminfo"


def add_arguments(parser):
    parser.add_argument("model", metavar="MODEL", help="what `patchskip export` wrote")
    parser.add_argument("-o", "--output", metavar="ENGINE", help="default: MODEL with the ending .engine")
    parser.add_argument("--fp16", action="store_true", help="activations, what is kept of them and weights in float16")
    parser.add_argument(
        "--workspace",
        type=int,
        default=WORKSPACE_MIB,
        metavar="MIB",
        help="memory that TensorRT may use inside a layer ({}); ours get what they need".format(WORKSPACE_MIB),
    )
    parser.add_argument("--timing-cache", metavar="FILE", help="what TensorRT measured: read, and written again")
    parser.add_argument("--plugin", metavar="FILE.so|python", help="default: what `make plugin` wrote, else python")
    parser.add_argument("--sm", type=int, help="without a GPU: compute capability to plan for, 10 * major + minor (53)")
    parser.add_argument("--multiprocessors", type=int, help="without a GPU: its multiprocessors (1)")
    parser.add_argument("--verbose", action="store_true", help="print all that TensorRT says")


def main(args):
    """Build, check, write the engine and MODEL.engine.json. -> exit status"""
    if args.workspace < 1:
        raise PatchskipError("--workspace is {}; give a number of MiB, 1 or more".format(args.workspace))
    if (args.sm is None) != (args.multiprocessors is None):
        raise PatchskipError("--sm and --multiprocessors are given together: a GPU has both")
    if args.sm is not None and not 30 <= args.sm < 200:
        raise PatchskipError("--sm is {}; give 10 * major + minor, such as 53 or 87".format(args.sm))
    if args.multiprocessors is not None and args.multiprocessors < 1:
        raise PatchskipError("--multiprocessors is {}; give 1 or more".format(args.multiprocessors))
    output = args.output or re.sub(r"(\.patchskip)?\.onnx$", "", args.model) + ".engine"
    check_targets([output, output + ".json", args.timing_cache, args.json], [args.model, args.plugin])
    check_memory(args.model, args.workspace)
    start = time.monotonic()
    with atomic_path(output) as path, atomic_path(output + ".json") as description:
        request = {
            "model": args.model,
            "output": path,
            "precision": "float16" if args.fp16 else "float32",
            "workspace": args.workspace * MIB,
            "timing_cache": args.timing_cache,
            "plugin": args.plugin,
            "device": [args.sm, args.multiprocessors] if args.sm else None,
            "verbose": args.verbose,
        }
        result = in_another_process(request, args.quiet)
        if "error" in result:
            raise PatchskipError(result["error"].replace(path, output))
        sidecar = dict(result["sidecar"], seconds=round(time.monotonic() - start, 1))
        with open(description, "w", encoding="utf-8") as file:
            json.dump(sidecar, file, indent=1)
            file.write("\n")
    if not args.quiet and args.json != "-":
        _report(output, sidecar, result["notes"])
    if args.json:
        atomic_json(args.json, dict(sidecar, output=output))
    return 0


def check_memory(model, workspace_mib, meminfo=MEMINFO, or_else="give a smaller --workspace"):
    """Raises PatchskipError when the machine has not enough memory to build an engine, or there is no model.

    or_else: the end of the message, what the user can do if memory cannot be had.
    """
    try:
        size = os.path.getsize(model)
    except OSError as error:
        raise PatchskipError(
            "cannot open the model {}: {}; check the path".format(model, (error.strerror or str(error)).lower())
        ) from None
    needed = NEEDED_MIB + workspace_mib + MODEL_COPIES * size // MIB
    free = _free_mib(meminfo)
    if free is not None and free < needed:
        raise PatchskipError(
            "building an engine of {} takes about {} MiB of memory, {} MiB are free; close programs (the desktop: sudo "
            "systemctl isolate multi-user.target), add swap, or {}".format(model, needed, free, or_else)
        )


def _free_mib(meminfo):
    """Memory and swap that are free; None where the system does not say."""
    try:
        with open(meminfo) as file:
            entries = dict(line.split(":", 1) for line in file if ":" in line)
        return sum(int(entries[name].split()[0]) for name in ("MemAvailable", "SwapFree")) // 1024
    except (OSError, KeyError, ValueError, IndexError):
        return None


def in_another_process(request, quiet, program=None):
    """-> builder.py's answer. Prints how long it has taken so far, every few seconds."""
    process = subprocess.Popen(
        program or [sys.executable, "-m", "patchskip.runtime.tensorrt.builder"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if request["verbose"] else subprocess.PIPE,
        universal_newlines=True,
    )
    start = time.monotonic()
    given: Optional[str] = json.dumps(request)
    try:
        while True:
            try:
                answer, said = process.communicate(given, timeout=BEAT_S)
                break
            except subprocess.TimeoutExpired:
                given = None
                if not quiet:
                    seconds = time.monotonic() - start
                    print("building: {:.0f} s, {} MiB free".format(seconds, _free_mib(MEMINFO)), file=sys.stderr)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode == 0:
        return json.loads(answer)
    raise PatchskipError(_how_it_ended(request, process.returncode, said))


def _how_it_ended(request, status, said):
    if status == -signal.SIGKILL:
        return (
            "building an engine of {} was killed, by lack of memory most likely; add swap, close programs, or give a "
            "smaller --workspace than {}".format(request["model"], request["workspace"] // MIB)
        )
    last = ([""] + (said or "").strip().splitlines())[-1]
    return "building an engine of {} ended with status {}, TensorRT's last words: {!r}; --verbose shows all".format(
        request["model"], status, last
    )


def _report(output, sidecar, notes):
    for note in notes:
        print("note: " + note)
    print(
        "wrote {} ({:.1f} MiB, {}, {:.0f} s) and {}.json".format(
            output, sidecar["engine"]["bytes"] / MIB, sidecar["precision"], sidecar["seconds"], output
        )
    )
    plugin = sidecar["plugin"]
    if "path" in plugin:
        option = "--plugins" if sidecar["tensorrt"].startswith("8.") else "--dynamicPlugins"
        program = "trtexec" if sidecar["flavour"] == "tensorrt" else sidecar["flavour"]
        print("{} --loadEngine={} {}={}".format(program, output, option, plugin["path"]))
