"""The table of what each CUDA kernel takes of a GPU's multiprocessor. Needs no GPU.

python -m patchskip.benchmarks.kernels [-o FILE]
"""

import argparse
import sys

import numpy as np

from patchskip.benchmarks.layer_models import LAYERS, Layer, conv_attributes, weights
from patchskip.plugins.cuda import compile, planning, resources
from patchskip.runtime.errors import exit_status
from patchskip.runtime.files import atomic_text, check_targets

SMS = (53, 62, 72, 87, 90)
PLANNED = [*LAYERS, Layer("conv3x3", 9, 12, 64, 64, 3), Layer("first3x3s2", 576, 768, 3, 32, 3, stride=2)]
EMPTY = 4  # registers that a kernel without instructions takes

PAGE = """# The CUDA kernels' resources

Made by `python -m patchskip.benchmarks.kernels -o docs/measurements/cuda-kernels.md` (`make kernels`) from the cubins
that {compilers} compiles; no GPU takes part.

*sm_NN*: registers of a thread on that GPU (53: Jetson Nano, 62: TX2, 72: Xavier, 87: Orin, 90: H100); - where the
kernel is empty, because the GPU has no tensor cores. *stack*: bytes of a thread's local memory, spilled registers
included. *shared*: bytes of a block, static and, in the layers of `benchmarks/layer_models.py`, as planned: tiles
and the mask's ranks. *blocks*: what a multiprocessor of sm_{first} holds at once; *occupancy*: the share of its
threads; *limit*: what one more block would lack.

{table}
"""


def page(sms=SMS):
    """-> the table as a page of Markdown; blocks, occupancy and limit are those of the first GPU."""
    found = [resources.resources(compile.cubin(sm)) for sm in sms]
    head = ["kernel", "threads", "shared", *(f"sm_{sm}" for sm in sms), "stack", "blocks", "occupancy", "limit"]
    rows = [head, ["---"] + ["---:"] * (len(head) - 2) + ["---"]]
    asked = planned_shared(sms[0])
    rows += [
        _row(name, {sm: kernels[name] for sm, kernels in zip(sms, found)}, asked.get(name, 0)) for name in found[0]
    ]
    return PAGE.format(
        compilers=" and ".join(sorted({compile.compiler(sm).description for sm in sms})),
        first=sms[0],
        table="\n".join("| " + " | ".join(row) + " |" for row in rows),
    )


def planned_shared(sm):
    """-> {kernel: dynamic shared memory that the plans of PLANNED ask for, at most}."""
    most: dict[str, int] = {}
    for layer in PLANNED:
        weight, bias = weights(layer, np.random.default_rng(0))
        attributes = {"op_type": "Conv", "patch": layer.patch, "activation": layer.activation, **conv_attributes(layer)}
        for dtype in ("float32", "float16"):
            x, y = (1, layer.height, layer.width, layer.channels), (1, *layer.output_size, layer.outputs)
            described = [(layer.grid, "int32"), (y, dtype), (x, dtype), weight, bias]
            packed, inputs = planning.packed("PatchSkip", attributes, described, dtype)
            types = [entry if isinstance(entry, tuple) else (entry.shape, entry.dtype) for entry in inputs]
            for launch in planning.Plan("PatchSkip", packed, types, 1, sm=sm).launches([1, 1, 1, 1], [1], 0):
                most[launch.kernel] = max(launch.shared_bytes, most.get(launch.kernel, 0))
    return most


def _row(name, kernels, dynamic):
    sm, first = next(iter(kernels.items()))
    exists = first["registers"] > EMPTY
    held = resources.occupancy(first, first["max_threads"], dynamic, sm)
    stack = [f"{kernel['local_bytes']} on sm_{sm}" for sm, kernel in kernels.items() if kernel["local_bytes"]]
    return [
        f"`{name}`",
        str(first["max_threads"]),
        str(first["shared_bytes"] + dynamic),
        *(str(kernel["registers"]) if kernel["registers"] > EMPTY else "-" for kernel in kernels.values()),
        ", ".join(stack) or "0",
        *([str(held.blocks), f"{held.share:.0%}", ", ".join(held.limits)] if exists else "---"),
    ]


def main(argv=None):
    parser = argparse.ArgumentParser(prog="patchskip.benchmarks.kernels", description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", default="-", metavar="FILE", help="the page to write (default: print it)")
    return exit_status(_run, parser.parse_args(argv).output)


def _run(output):
    check_targets([output])
    text = page()
    with atomic_text(output) as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
