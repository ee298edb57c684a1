"""The table of what each CUDA kernel takes of a GPU's multiprocessor. Needs no GPU.

python -m patchskip.benchmarks.kernels [-o FILE]
"""

import argparse
import sys

from patchskip.plugins.cuda import compile, resources
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_text

SMS = (53, 62, 72, 87, 90)

PAGE = """# The CUDA kernels' resources

Made by `python -m patchskip.benchmarks.kernels -o docs/measurements/cuda-kernels.md` (`make kernels`) from the cubins
that {compilers} compiles; no GPU takes part.

*sm_NN*: registers of a thread on that GPU (53: Jetson Nano, 62: TX2, 72: Xavier, 87: Orin, 90: H100). *shared*:
bytes of a block; the mask comes on top, 8 bytes for each 32 patches, and what a plan asks for. *stack*: bytes of a
thread's local memory, spilled registers included. *blocks*: what a multiprocessor of sm_{first} holds at once,
without what comes on top; *occupancy*: the share of its threads; *limit*: what one more block would lack.

{table}
"""


def page(sms=SMS):
    """-> the table as a page of Markdown; blocks, occupancy and limit are those of the first GPU."""
    found = [resources.resources(compile.cubin(sm)) for sm in sms]
    head = ["kernel", "threads", "shared", *(f"sm_{sm}" for sm in sms), "stack", "blocks", "occupancy", "limit"]
    rows = [head, ["---"] + ["---:"] * (len(head) - 2) + ["---"]]
    rows += [_row(name, {sm: kernels[name] for sm, kernels in zip(sms, found)}) for name in found[0]]
    return PAGE.format(
        compilers=" and ".join(sorted({compile.compiler(sm).description for sm in sms})),
        first=sms[0],
        table="\n".join("| " + " | ".join(row) + " |" for row in rows),
    )


def _row(name, kernels):
    sm, first = next(iter(kernels.items()))
    held = resources.occupancy(first, first["max_threads"], 0, sm)
    stack = [f"{kernel['local_bytes']} on sm_{sm}" for sm, kernel in kernels.items() if kernel["local_bytes"]]
    return [
        f"`{name}`",
        str(first["max_threads"]),
        str(first["shared_bytes"]),
        *(str(kernel["registers"]) for kernel in kernels.values()),
        ", ".join(stack) or "0",
        str(held.blocks),
        f"{held.share:.0%}",
        ", ".join(held.limits),
    ]


def main(argv=None):
    parser = argparse.ArgumentParser(prog="patchskip.benchmarks.kernels", description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", default="-", metavar="FILE", help="the page to write (default: print it)")
    args = parser.parse_args(argv)
    try:
        text = page()
        with atomic_text(args.output) as file:
            file.write(text)
    except PatchskipError as error:
        print(f"patchskip: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
