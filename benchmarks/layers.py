"""Layer sweep: PatchSkip at several active shares against ONNX Runtime's dense operator.

    python -m patchskip.benchmarks.layers --json FILE [--threads 1,2] [--quick]

Both run several copies of the layer on one input, each with weights and an output of its own: as in a network the input
has just been computed, and neither the weights nor what is kept wait in the nearest cache. Dense is charged with the
time of its convolution and activation nodes alone, as ONNX Runtime profiles them in the memory layout it prefers: not
with changes of layout, not with the session. PatchSkip is charged with the whole run of a session, less that of a
session which does nothing (a network pays for that once, not once a layer), divided by the copies.
"""

import argparse
import hashlib
import sys
import time
from collections import defaultdict

import numpy as np

from patchskip.benchmarks import masks, timing
from patchskip.benchmarks.layer_models import LAYERS, QUICK, dense_model, empty_model, skip_model, weights
from patchskip.benchmarks.sessions import BoundSession, ProfiledDense, SkipSession, dense_options, open_session
from patchskip.plugins import library
from patchskip.runtime.errors import PatchskipError, exit_status
from patchskip.runtime.files import atomic_json, check_targets
from patchskip.runtime.memory import aligned
from patchskip.runtime.progress import Progress

SHARES = (1, 0.5, 0.25, 0.1, 0.05, 0.02)
COPIES_BYTES = 16 << 20  # what the copies hold together: several times the second-level cache
MIN_COPIES, MAX_COPIES = 4, 16
WARM_UP, RUNS = 2, 6  # of every turn
TOLERANCE = 1e-4
LAYOUT_OPERATORS = ("ReorderInput", "ReorderOutput", "Transpose")


def measure(layer, threads, turns):
    """-> the layer's rows, one for each share."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(layer.name.encode()).digest()[:8], "little"))
    copies = int(np.clip(COPIES_BYTES // layer.bytes, MIN_COPIES, MAX_COPIES))
    parameters = [weights(layer, rng) for _ in range(copies)]
    image = rng.standard_normal((1, layer.height, layer.width, layer.channels), np.float32)
    planar = {"x": np.ascontiguousarray(image.transpose(0, 3, 1, 2))}
    dense = ProfiledDense(dense_model(layer, parameters), threads, planar)
    shape = (1, *layer.output_size, layer.outputs)
    arrays = {"x": _like_a_stream(image)}
    arrays.update({f"cache{i}": _like_a_stream(np.zeros(shape, np.float32)) for i in range(copies)})
    arrays["active"] = np.ones(layer.grid, np.int32)
    nothing = BoundSession(open_session(empty_model(), dense_options(1)), {"x": np.zeros(1, np.float32)})
    skip = SkipSession(skip_model(layer, parameters), threads, arrays, {f"y{i}": f"cache{i}" for i in range(copies)})
    shares = {share: masks.clustered(layer.grid, share, rng) for share in SHARES}

    times = defaultdict(list)
    counted = []  # of dense's runs, those that are not warm-up
    variants = ["dense", "nothing", *SHARES]
    previous = None
    for turn in range(turns):
        for variant in timing.alternating(variants, turn):
            if variant in SHARES:
                arrays["active"][...] = shares[variant]
            run = {"dense": dense.run, "nothing": nothing.run}.get(variant, skip.run)
            if previous == "dense":
                timing.rest()
            previous = variant
            for i in range(WARM_UP + RUNS):
                start = time.perf_counter()
                run()
                if i >= WARM_UP:
                    times[variant].append((time.perf_counter() - start) * 1e3)
                if variant == "dense":
                    counted.append(i >= WARM_UP)
    _check_equal(layer, dense, skip, arrays)
    runs = [run for run, count in zip(dense.node_times(), counted, strict=False) if count]
    dense_ms = float(np.median([_work(run) for run in runs])) / copies
    session_ms = np.median(times["nothing"])
    skip_ms = {share: float(np.median(times[share]) - session_ms) / copies for share in SHARES}
    return [_row(layer, share, threads, dense_ms, skip_ms[share], copies) for share in SHARES]


def _like_a_stream(array):
    """The array's values in memory such as a stream's: a cache line's boundary."""
    result = aligned(array.shape, array.dtype)
    result[...] = array
    return result


def _work(run):
    return sum(ms for operator, ms in run.values() if operator not in LAYOUT_OPERATORS)


def _row(layer, share, threads, dense_ms, skip_ms, copies):
    return {
        "layer": layer.name,
        "op_type": layer.op_type,
        "share": share,
        "threads": threads,
        "dense_ms": dense_ms,
        "skip_ms": skip_ms,
        "efficiency": dense_ms * share / skip_ms,
        "macs": layer.macs,
        "copies": copies,
        "patches": round(share * layer.grid[0] * layer.grid[1]),
    }


def _check_equal(layer, dense, skip, arrays):
    """A fast wrong answer is worth nothing: all patches active, PatchSkip gives what dense gives."""
    arrays["active"][...] = 1
    skip.run()
    dense.run()
    expected = dense.arrays["y0"]
    error = np.abs(skip.arrays["y0"].transpose(0, 3, 1, 2) - expected).max() / np.abs(expected).max()
    if not error <= TOLERANCE:
        raise PatchskipError(
            f"layer {layer.name}: PatchSkip is {error:.2g} from dense, not within {TOLERANCE}; report it"
        )


def geomeans(rows):
    """-> one row for each (share, threads): the geometric means over all layers."""
    result = []
    for threads, share in sorted({(row["threads"], row["share"]) for row in rows}, key=lambda k: (k[0], -k[1])):
        group = [row for row in rows if (row["threads"], row["share"]) == (threads, share)]
        mean = {key: float(np.exp(np.mean([np.log(row[key]) for row in group]))) for key in ("dense_ms", "skip_ms")}
        efficiency = mean["dense_ms"] * share / mean["skip_ms"]
        row = {"layer": "geomean", "op_type": "all", "share": share, "threads": threads, **mean}
        result.append({**row, "efficiency": efficiency})
    return result


def table(rows):
    """-> the rows as text: for each layer and thread count dense ms, then the efficiency at every share."""
    lines = [f"{'layer':38} threads  dense ms" + "".join(f"{share:>8.0%}" for share in SHARES)]
    grouped: dict[tuple, dict] = defaultdict(dict)
    for row in rows:
        grouped[row["layer"], row["threads"]][row["share"]] = row
    for (layer, threads), by_share in grouped.items():
        dense = next(iter(by_share.values()))["dense_ms"]
        lines.append(
            f"{layer:38} {threads:7} {dense:9.4f}" + "".join(f"{by_share[s]['efficiency']:8.2f}" for s in SHARES)
        )
    return "\n".join(lines)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="patchskip.benchmarks.layers", description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write the rows as JSON; - is standard output")
    parser.add_argument("--threads", default="1,2", help="thread counts, comma separated (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="NAME", help="only the layers whose name contains NAME")
    parser.add_argument("--turns", type=int, default=5, help="turns of every variant (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="five layers, one turn: a look, not a measurement")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return exit_status(_run, parser.parse_args(argv))


def _run(args):
    return 0 if sweep(args) else 2


def sweep(args):
    check_targets([args.json])
    counts = _thread_counts(args.threads)
    if args.turns < 1:
        raise PatchskipError(f"--turns is {args.turns}; give 1 or more")
    layers = [layer for layer in (QUICK if args.quick else LAYERS) if args.only in layer.name]
    if not layers:
        raise PatchskipError(f"no layer's name contains {args.only!r}; one is {LAYERS[0].name}")
    rows = []
    with Progress("layers", len(layers) * len(counts), args.quiet) as progress:
        for threads in counts:
            for layer in layers:
                rows += measure(layer, threads, 1 if args.quick else args.turns)
                progress.update(len(rows) // len(SHARES), layer.name)
    rows += geomeans(rows)
    if not args.quiet and args.json != "-":
        print(f"efficiency = dense ms x share / skip ms; {library.isa()}; median of {args.turns} turns of {RUNS} runs")
        print(table(rows))
    if args.json:
        atomic_json(args.json, rows)
    return rows


def _thread_counts(text):
    try:
        counts = [int(word) for word in text.split(",")]
        if min(counts) < 1:
            raise ValueError
    except ValueError:
        raise PatchskipError(f"--threads {text}: expected numbers such as 1,2") from None
    return counts


if __name__ == "__main__":
    sys.exit(main())
