"""Checks and measures the CUDA kernels on this machine's GPU.

python -m patchskip.benchmarks.gpu_check [MODEL.patchskip.onnx ...] [-o PAGE.md] [--json FILE]

Needs an NVIDIA GPU, NVRTC or nvcc, ONNX Runtime; PyTorch for cuDNN's times. Runs every case of the operators' tests on
the GPU (in a checkout), compares whole frames with the CPU's, and times every kind of convolution of the models.
"""

import argparse
import pathlib
import platform
import re
import subprocess
import sys

import patchskip
from patchskip.benchmarks import dense_torch, environment, gpu_agreement, gpu_layers, gpu_page, planned
from patchskip.benchmarks.demo_network import build
from patchskip.plugins.cuda import compile, driver
from patchskip.runtime.errors import PatchskipError, exit_status
from patchskip.runtime.files import atomic_json, atomic_text, check_targets
from patchskip.runtime.sources import open_source

TESTS = pathlib.Path(__file__).resolve().parents[1] / "tests" / "plugins" / "test_operators.py"
CLIP = "synthetic://?frames=40&size=640x480"


def main(argv=None):
    parser = argparse.ArgumentParser(prog="patchskip.benchmarks.gpu_check", description=__doc__.splitlines()[0])
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help="what `patchskip export` wrote (default: the demo's)"
    )
    parser.add_argument("--source", default=CLIP, metavar="VIDEO", help="the clip (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=20, metavar="N", help="of it (default: %(default)s)")
    parser.add_argument("--no-cases", action="store_true", help="leave out the operators' cases")
    parser.add_argument("--no-layers", action="store_true", help="leave out the times of the layers")
    parser.add_argument("--runs", type=int, default=gpu_layers.RUNS, help="in a CUDA graph (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=gpu_layers.TURNS, help="of every variant (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON; - is standard output")
    parser.add_argument(
        "-o", "--output", metavar="PATH", help="write a page of Markdown; in a folder it is gpu-NAME.md"
    )
    return exit_status(_run, parser.parse_args(argv))


def _run(args):
    page = args.output and _page_path(args.output, "name")
    check_targets([args.json, page], [*args.models, args.source])
    result = check(args)
    if args.json != "-":
        print(gpu_page.page(result), flush=True)
    if args.json:
        atomic_json(args.json, result)
    if args.output:
        with atomic_text(_page_path(args.output, result["gpu"]["name"])) as file:
            file.write(gpu_page.page(result))
    return 0 if result["cases"]["passed"] is not False and all(row["same"] for row in result["frames"]) else 1


def _page_path(path, gpu):
    name = re.sub(r"\W+", "-", gpu.lower()).strip("-")
    return pathlib.Path(path, f"gpu-{name}.md") if pathlib.Path(path).is_dir() else path


def check(args):
    gpu = driver.device()
    torch, reason = None, "left out"
    if not args.no_layers:
        try:
            torch = dense_torch.import_torch()
        except PatchskipError as error:
            reason = str(error)
            print(f"note: no dense times: {error}", file=sys.stderr)
    result = {
        "gpu": describe(gpu, torch),
        "without_dense": None if torch else reason,
        "cases": {"passed": None, "summary": "left out"} if args.no_cases else cases(),
        "frames": [],
        "layers": [],
        "timing": {"runs": args.runs, "turns": args.turns},
    }
    for name, data in models(args.models):
        for precision in gpu_agreement.TOLERANCES:
            source = open_source(args.source)
            row = gpu_agreement.agreement(data, precision, source, args.frames, gpu, environment.threads())
            result["frames"].append({"network": name, **row})
        if not args.no_layers:
            network = planned.plan(data, "float16", gpu.sm, gpu.multiprocessors, name)
            rows = gpu_layers.measure(network, gpu, torch, args.runs, args.turns)
            result["layers"] += [{"network": name, **row} for row in rows]
    return result


def models(paths):
    """-> (name, an exported model's file) of each, one after the other."""
    if not paths:
        from patchskip.export import convert

        yield "demo", convert(build()).model.SerializeToString()
    for path in map(pathlib.Path, paths):
        try:
            yield path.name.split(".")[0], path.read_bytes()
        except OSError as error:
            raise PatchskipError(f"cannot open {path}: {error.strerror}; give a model of `patchskip export`") from None


def describe(gpu, torch):
    return {
        "name": gpu.name,
        "sm": gpu.sm,
        "multiprocessors": gpu.multiprocessors,
        "driver": gpu.driver_version,
        "compiler": compile.compiler(gpu.sm).description,
        "torch": torch and torch.__version__,
        "cudnn": torch and torch.backends.cudnn.version(),
        "python": platform.python_version(),
        "patchskip": patchskip.__version__,
    }


def cases():
    """Runs the operators' cases on the GPU. -> {"passed": bool, or None when they could not run; "summary": text}"""
    if not TESTS.exists():
        return {"passed": None, "summary": "not run: they are in a checkout, not in a wheel"}
    command = [sys.executable, "-m", "pytest", "-q", "-k", "cuda and not emulated", str(TESTS)]
    process = subprocess.run(command, capture_output=True, text=True, cwd=TESTS.parents[2])
    lines = process.stdout.strip().splitlines() or process.stderr.strip().splitlines() or ["pytest said nothing"]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return {"passed": process.returncode == 0, "summary": lines[-1].strip("= "), "failed": failed}


if __name__ == "__main__":
    sys.exit(main())
