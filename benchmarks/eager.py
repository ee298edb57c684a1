"""A backbone as PyTorch runs it eagerly on the CPU, against ONNX Runtime's dense network: the baseline of papers.

python -m patchskip.benchmarks.eager NAME [--size H W] [--threads N] [--frames N] [--json FILE]

`patchskip benchmark` compares with ONNX Runtime; the product of its speed-up and of the ratio found here is the one
over eager PyTorch. Give --checkpoint where there is one: with random parameters PReLU takes ONNX Runtime longer, as its
inputs are of either sign by chance.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from patchskip.benchmarks import environment, timing
from patchskip.benchmarks.dense import DenseModel, difference
from patchskip.runtime.errors import PatchskipError, exit_status
from patchskip.runtime.files import atomic_json, check_targets
from patchskip.runtime.progress import Progress
from patchskip.training.backbones import backbone
from patchskip.training.backbones.filled import add_arguments, filled

FRAMES = 60
KINDS = ("pytorch", "onnxruntime")


def main(argv=None):
    parser = argparse.ArgumentParser(prog="patchskip.benchmarks.eager", description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--threads", type=int, metavar="N", help="of both (default: all cores)")
    parser.add_argument("--frames", type=int, default=FRAMES, metavar="N", help="%(default)s")
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args(argv)
    return exit_status(_run, args)


def _run(args):
    check_targets([args.json], [args.checkpoint])
    result = measure(args)
    print(describe(result))
    if args.json:
        atomic_json(args.json, result)
    return 0


def measure(args):
    """-> {"network", "size", "frames", "pytorch" and "onnxruntime": statistics in ms, "ratio": of their means,
    "max_rel_error": of the outputs, "environment", "valid", "reasons"}.
    """
    if args.frames < 2:
        raise PatchskipError(f"--frames is {args.frames}; a block's first frame is not counted, so give 2 or more")
    threads = environment.threads(args.threads)
    model, size = filled(args.name, args.size, args.checkpoint, args.seed)
    import torch

    from patchskip.training.backbones.onnx_file import write_onnx

    names = backbone(args.name).outputs
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        path = Path(folder) / "network.onnx"
        write_onnx(model, size, names, path)
        dense = DenseModel(path, threads).stream()
        image = np.random.default_rng(0).uniform(0, 1, (1, 3, *size)).astype(np.float32)
        tensor = torch.from_numpy(image)
        runs = {
            "pytorch": lambda: model(tensor),
            "onnxruntime": lambda: dense.infer({"images": image}, copy=False),
        }
        found = runs["pytorch"]()
        found = found if isinstance(found, (list, tuple)) else [found]
        expected = runs["onnxruntime"]()
        error = max(difference(value.numpy(), expected[name])[1] for name, value in zip(names, found, strict=True))
        with environment.Watch() as watch:
            times = _times(runs, args.frames)
    result = {"network": args.name, "size": list(size), "frames": len(times["pytorch"]), "max_rel_error": error}
    result.update({kind: timing.summary(times[kind]) for kind in KINDS})
    result["ratio"] = result["pytorch"]["mean_ms"] / result["onnxruntime"]["mean_ms"]
    result["environment"] = {**environment.describe(threads), "torch": torch.__version__}
    result["reasons"] = watch.reasons()
    return {**result, "valid": not result["reasons"]}


def _times(runs, frames):
    """-> {kind: ms of every run that counts}, taken in blocks as `patchskip benchmark` does."""
    times: dict[str, list] = {kind: [] for kind in runs}
    done = 0
    with Progress("times", frames, False) as progress:
        for turn, block in enumerate(timing.blocks(range(frames))):
            for kind, run in timing.alternating(list(runs.items()), turn):
                timing.rest()
                for index in range(len(block)):
                    start = time.perf_counter()
                    run()
                    if index >= timing.DROPPED:
                        times[kind].append(1e3 * (time.perf_counter() - start))
            done += len(block)
            progress.update(done)
    return times


def describe(result):
    """-> the results as text."""
    where = result["environment"]
    lines = [
        f"{kind:12} {result[kind]['mean_ms']:9.2f} ms mean {result[kind]['p50_ms']:9.2f} p50 "
        f"{result[kind]['p90_ms']:9.2f} p90"
        for kind in KINDS
    ]
    lines.append(
        f"PyTorch takes {result['ratio']:.2f} times as long; largest relative difference of an output "
        f"{result['max_rel_error']:.1e}"
    )
    lines.append(
        f"{result['network']} at {result['size'][0]}x{result['size'][1]}, {result['frames']} frames, "
        f"{where['threads']} threads, {where['cpu']}, PyTorch {where['torch']}, ONNX Runtime {where['onnxruntime']}"
    )
    return "\n".join(lines + [f"not to be trusted: {reason}" for reason in result["reasons"]])


if __name__ == "__main__":
    sys.exit(main())
