"""What an exported model should cost on a Jetson Nano, counted from the plans of its nodes. Needs no GPU.

python -m patchskip.benchmarks.roofline MODEL.patchskip.onnx ... [--json FILE] [-o PAGE.md]

Everything it says is a prediction: what the kernels have to do is counted (work.py), what the board does with that is
assumed (jetson_nano.py).
"""

import argparse
import pathlib
import sys

from patchskip.benchmarks import planned, roofline_page, work
from patchskip.benchmarks.jetson_nano import MULTIPROCESSORS, SM, predict, tensorrt
from patchskip.runtime.errors import PatchskipError, exit_status
from patchskip.runtime.files import atomic_json, atomic_text, check_targets

SHARES = (1.0, 0.1, 0.03)


def network(path):
    """-> (name, rows of `row`) of an exported model. Raises PatchskipError."""
    path = pathlib.Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PatchskipError(f"cannot open {path}: {error.strerror}; give a model of `patchskip export`") from None
    nodes = planned.plan(data, "float16", SM, MULTIPROCESSORS, str(path)).nodes
    return path.name.split(".")[0], [row(node) for node in nodes]


def row(node):
    """-> what is counted of a planned.Node with every patch active, and what is predicted of it at each share."""
    done = work.count(node, 1)
    return {
        "layer": node.name or node.outputs[0],
        "op_type": node.op_type,
        "shape": list(node.types[node.outputs[0]][0]),
        "kernels": [entry.kernel for entry in done],
        "macs": sum(entry.macs for entry in done),
        "padded_macs": sum(entry.padded for entry in done),
        "bytes": sum(entry.bytes for entry in done),
        "predicted": {share: predict(node, share) for share in SHARES},
        "tensorrt": tensorrt(node),
    }


def main(argv=None):
    parser = argparse.ArgumentParser(prog="patchskip.benchmarks.roofline", description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL", help="what `patchskip export` wrote")
    parser.add_argument("--json", metavar="FILE", help="write everything as JSON; - is standard output")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the page with the tables of the layers")
    return exit_status(_run, parser.parse_args(argv))


def _run(args):
    check_targets([args.json, args.output], args.models)
    networks = dict(network(path) for path in args.models)
    if args.json:
        atomic_json(args.json, roofline_page.plain(networks))
    if args.output:
        with atomic_text(args.output) as file:
            file.write(roofline_page.page(networks))
    if args.json != "-":
        print("\n".join(roofline_page.totals(networks)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
