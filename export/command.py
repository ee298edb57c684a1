"""`patchskip export`"""

from __future__ import annotations

import argparse
import itertools
import os

import onnx

from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_json, atomic_path, check_targets
from patchskip.runtime.run import add_crop, read_crop
from patchskip.runtime.sources import open_source

from . import coverage, gate_file, loading, pass_gates
from .analysis import DEFAULT_RADIUS
from .convert import DEFAULT_THRESHOLDS, convert
from .frames import Cropped, fitting
from .half import PRECISIONS
from .preprocess import PRESETS

_FRAMES = 8  # of --source, taken for the layers' magnitudes
_GENERATED = (
    "note: thresholds are shares of the layers' means on generated pictures; --source VIDEO takes them from yours, "
    "which may differ much"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="an ONNX network")
    parser.add_argument("-o", "--output", metavar="OUT", help="default: MODEL with the ending .patchskip.onnx")
    parser.add_argument("--input-size", nargs=2, type=int, metavar=("H", "W"), help="give the image input another size")
    parser.add_argument(
        "--frame-size",
        nargs=2,
        type=int,
        metavar=("H", "W"),
        help="--input u8: frames come in this size, and the model resizes them itself, where they changed",
    )
    parser.add_argument("--patch", type=int, default=16, help="side of a patch in input pixels, a power of two (16)")
    parser.add_argument(
        "--gate",
        choices=["exact", "delta"],
        default="exact",
        help="exact: recompute whatever changed; delta: whatever changed by more than a threshold",
    )
    parser.add_argument(
        "--threshold",
        type=float,
        metavar="T",
        default=None,
        help="delta: the change that counts, a share of each layer's mean (with --halo "
        + ", ".join(f"{halo}: {threshold}" for halo, threshold in DEFAULT_THRESHOLDS.items())
        + ")",
    )
    parser.add_argument("--gates", metavar="FILE.npz", help="delta: the gates by name: thresholds, cells, weights")
    parser.add_argument(
        "--pass-gates",
        metavar="FILE.npz",
        help="delta: gates of PASS by name; alone, or with --gates or --threshold for the other places",
    )
    parser.add_argument(
        "--halo",
        choices=["full", "none"],
        help="delta: does a change reach the pixels whose kernels touch it, or its own place alone, none, the default?",
    )
    parser.add_argument(
        "--deform-radius",
        type=int,
        metavar="PIXELS",
        help=f"delta, --halo full: how far a deformable convolution's offsets are followed ({DEFAULT_RADIUS})",
    )
    parser.add_argument("--source", metavar="VIDEO", help="delta: take the layers' means from these frames")
    add_crop(parser, "the part of --source's frames that a network of poses sees (default: all of it)")
    parser.add_argument(
        "--input",
        choices=["float", "u8"],
        default="float",
        help="float: the network's own input; u8: the frame itself, uint8 NHWC BGR",
    )
    parser.add_argument(
        "--weights",
        choices=PRECISIONS,
        default=PRECISIONS[0],
        help="float16: the convolutions' are rounded to it, and read as such: large networks are faster (%(default)s)",
    )
    parser.add_argument(
        "--preprocess",
        default="auto",
        choices=["auto", *PRESETS],
        help="what is done to a frame: what the network was trained on",
    )


def main(args: argparse.Namespace) -> int:
    """Export, print the coverage table. -> exit status"""
    if args.gate == "exact" and (
        args.threshold is not None or args.gates or args.pass_gates or args.source or args.halo
    ):
        raise PatchskipError(
            "--threshold, --gates, --pass-gates, --halo and --source are for --gate delta; the gate asked for is exact"
        )
    if args.deform_radius is not None and (args.gate == "exact" or args.halo != "full"):
        raise PatchskipError("--deform-radius is for --gate delta --halo full; nothing else follows offsets so far")
    if args.crop and not args.source:
        raise PatchskipError("--crop is a part of --source's frames; give --source VIDEO too")
    if args.gates and (args.threshold is not None or args.source):
        raise PatchskipError("--gates holds the thresholds; leave --threshold and --source out")
    output = args.output or os.path.splitext(args.model)[0] + ".patchskip.onnx"
    check_targets([output, args.json], [args.model, args.source, args.gates, args.pass_gates])
    model = loading.load(args.model)
    result = convert(
        model,
        input_size=tuple(args.input_size) if args.input_size else None,
        frame_size=tuple(args.frame_size) if args.frame_size else None,
        patch=args.patch,
        gate=args.gate,
        threshold=args.threshold,
        gates=gate_file.read(args.gates) if args.gates else None,
        pass_gates=pass_gates.read(args.pass_gates) if args.pass_gates else None,
        halo=args.halo or "none",
        deform_radius=DEFAULT_RADIUS if args.deform_radius is None else args.deform_radius,
        input=args.input,
        weights=args.weights,
        preset=args.preprocess,
        feeds=_frames(args, model) if args.source else None,
        name=args.model,
        metadata={"source_sha256": loading.sha256(args.model)},
    )
    save(result.model, output)
    if not args.quiet and args.json != "-":
        print(coverage.table(result.report))
        if args.gate == "delta" and not (args.source or args.gates):
            print(_GENERATED)
        print(f"wrote {output}")
    if args.json:
        atomic_json(args.json, {"output": output, **result.report})
    return 0


def save(model: onnx.ModelProto, path: str) -> None:
    """Write a model, whole or not at all. The same model gives the same bytes."""
    with atomic_path(path) as target, open(target, "wb") as file:
        file.write(model.SerializeToString(deterministic=True))


def _frames(args: argparse.Namespace, model: onnx.ModelProto):
    """Frames of --source, or the --crop of them, at the network's size."""
    constants = {tensor.name for tensor in model.graph.initializer}
    shapes = [v.type.tensor_type.shape.dim for v in model.graph.input if v.name not in constants]
    sizes = [(dims[2].dim_value, dims[3].dim_value) for dims in shapes if len(dims) == 4]
    size = args.input_size or max(sizes, key=lambda size: size[0] * size[1])
    region, recipe = read_crop(args.crop), {"fit": "stretch"}
    fit = Cropped(size, recipe, region) if region else fitting(size, recipe)
    for frame in itertools.islice(open_source(args.source), _FRAMES):
        yield fit(frame)[0]
