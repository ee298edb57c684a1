"""`patchskip compare`: do two models give the same outputs on a clip? Does one give what a full recomputation gives?"""

import numpy as np

import patchskip
from patchskip.benchmarks import environment
from patchskip.benchmarks.dense import difference, is_patchskip, magnitude, open_model
from patchskip.benchmarks.measure import frame_count, frames_of
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_json, check_targets
from patchskip.runtime.model import files_of, is_engine
from patchskip.runtime.preprocess import Preprocess
from patchskip.runtime.progress import Progress
from patchskip.runtime.sources import open_source

# Of the outputs. Each of two computations in float32 may be 1e-4 off the exact one, and is in a picture's empty parts
# (docs/measurements). TensorRT chooses among kernels that round differently, of others also to TF32.
RTOL = {"onnxruntime": 2e-4, "float32": 1e-3, "float16": 2e-2}
ATOL = 1e-7  # what a sigmoid that should be 0 may be: its scale is 1


def add_arguments(parser):
    parser.add_argument("a", metavar="A", help="a model that `patchskip export` or `build` wrote, or any ONNX network")
    parser.add_argument("b", metavar="B", nargs="?", help="the model that A should agree with")
    parser.add_argument("--source", required=True, metavar="VIDEO", help="a video, a folder of images or synthetic://")
    parser.add_argument(
        "--full", action="store_true", help="compare A with its own recomputation of every frame, bit by bit"
    )
    parser.add_argument("--atol", type=float, default=ATOL, help="allowed absolute difference (default: %(default)s)")
    parser.add_argument(
        "--rtol",
        type=float,
        help="allowed share of the output's largest magnitude (default: 2e-4; with an engine 1e-3, in float16 2e-2)",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="default: PATCHSKIP_THREADS, or all cores")
    parser.add_argument("--frames", type=int, metavar="N", help="stop after N frames")


def main(args):
    check_targets([args.json], [*files_of(args.a, args.b), args.source])
    if args.full == bool(args.b):
        raise PatchskipError("compare takes two models, or one and --full; see `patchskip compare --help`")
    if args.frames is not None and args.frames < 1:
        raise PatchskipError(f"--frames is {args.frames}; give 1 or more")
    for name in ("atol", "rtol"):
        value = getattr(args, name)
        if value is not None and not 0 <= value < np.inf:
            raise PatchskipError(f"--{name} is {value}; give a number, 0 or more")
    threads = environment.threads(args.threads)
    a, b = open_pair(args.a, args.a if args.full else args.b, threads, args.full)
    source = open_source(args.source)
    total = frame_count(source, args.frames)
    with Progress("compare", total, args.quiet) as progress:
        if args.rtol is None:
            args.rtol = max(RTOL[precision(model)] for model in (a, b))
        result = compare(a, b, source, args, progress)
    result.update(
        a=str(args.a), b=f"{args.a}, recomputed in full" if args.full else str(args.b), source=str(args.source)
    )
    if not args.quiet and args.json != "-":
        print(describe(result))
    if args.json:
        atomic_json(args.json, result)
    return 0 if result["same"] else 1


def open_pair(a, b, threads, full):
    """Both models; a dense one takes the other's image size and preprocessing."""
    if full:
        model = patchskip.load(a, threads)
        return model, model
    if is_patchskip(a):
        first = open_model(a, threads)
        return first, open_model(b, threads, like=first)
    second = open_model(b, threads)
    return open_model(a, threads, like=second if is_patchskip(b) else None), second


def precision(model):
    """-> of an engine: `float32` or `float16`; else `onnxruntime`."""
    if not is_engine(model.path):
        return "onnxruntime"
    return model.metadata.get("precision", "float32")


def compare(a, b, source, args, progress):
    """-> {"same", "frames", "outputs": {name: {"max_abs_error", "max_rel_error", "mean_rel_error", "worst_frame",
    "frames_over"}}, "atol", "rtol", "full"}. Frames and errors as in `args`."""
    streams = a.stream(), b.stream()
    inputs = [
        (model.inputs[0]["name"], Preprocess(model.inputs[0], model.metadata.get("preprocess"), stream.allocate))
        for model, stream in zip((a, b), streams)
    ]
    names = [output["name"] for output in b.outputs]
    if sorted(names) != sorted(output["name"] for output in a.outputs):
        raise PatchskipError(
            f"{a.path} has the outputs {[output['name'] for output in a.outputs]} and {b.path} {names}; "
            "compare two forms of one network"
        )
    errors = {name: [] for name in names}  # type: dict
    over = dict.fromkeys(names, 0)
    for index, frame in enumerate(frames_of(source, args.frames)):
        if args.full:
            streams[1].reset()
        found, expected = (
            stream.infer({name: prepare(frame)}, copy=False) for stream, (name, prepare) in zip(streams, inputs)
        )
        for name in names:
            if found[name].shape != expected[name].shape:
                shapes = list(found[name].shape), list(expected[name].shape)
                raise PatchskipError(
                    f"output {name} is {shapes[0]} in {a.path} and {shapes[1]} in {b.path}; export again"
                )
            absolute, relative = difference(found[name], expected[name])
            errors[name].append((absolute, relative))
            if args.full:
                over[name] += found[name].tobytes() != expected[name].tobytes()
            else:
                limit = args.atol + args.rtol * magnitude(expected[name])
                over[name] += not absolute <= limit  # NaN is over
        progress.update(index + 1)
    outputs = {}
    for name, pairs in errors.items():
        absolute, relative = np.array(pairs).T
        outputs[name] = {
            "max_abs_error": float(absolute.max()),
            "max_rel_error": float(relative.max()),
            "mean_rel_error": float(relative.mean()),
            "worst_frame": int(np.argmax(relative)),
            "frames_over": int(over[name]),
        }
    limits = {"full": args.full, "atol": 0.0 if args.full else args.atol, "rtol": 0.0 if args.full else args.rtol}
    return {"same": not any(over.values()), "frames": len(pairs), "outputs": outputs, **limits}


def describe(result):
    allowed = "bit for bit" if result["full"] else f"atol {result['atol']:g}, rtol {result['rtol']:g}"
    verdict = "the same" if result["same"] else "different"
    lines = [f"{verdict} ({allowed}) over {result['frames']} frames: {result['a']} and {result['b']}"]
    for name, row in result["outputs"].items():
        lines.append(
            f"  {name}: max abs error {row['max_abs_error']:.3g}, max rel error {row['max_rel_error']:.3g} "
            f"(frame {row['worst_frame']}), {row['frames_over']} frames over"
        )
    return "\n".join(lines)
