"""`python -m patchskip.training.backbones NAME`: a backbone as an ordinary ONNX network, for `patchskip export`."""

from __future__ import annotations

import argparse
import sys

from patchskip.runtime.errors import PatchskipError, one_line

from . import BACKBONES, backbone


def main(argv: list[str] | None = None) -> int:
    """-> exit status"""
    parser = argparse.ArgumentParser(
        prog="patchskip.training.backbones", description="Write a backbone as an ordinary ONNX network."
    )
    parser.add_argument("name", metavar="NAME", help=", ".join(BACKBONES))
    parser.add_argument("-o", "--output", metavar="OUT.onnx", help="default: NAME.onnx")
    parser.add_argument("--size", nargs=2, type=int, metavar=("H", "W"), help="of the input (default: the network's)")
    parser.add_argument("--checkpoint", metavar="FILE", help="trained parameters; without it they are random")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of random parameters (0)")
    args = parser.parse_args(argv)
    try:
        write(args)
    except PatchskipError as error:
        print(f"patchskip: {one_line(error)}", file=sys.stderr)
        return 2
    return 0


def write(args: argparse.Namespace) -> None:
    chosen = backbone(args.name)
    height, width = args.size or chosen.size
    if any(n < 1 or n % chosen.stride for n in (height, width)):
        raise PatchskipError(f"--size {height} {width} does not suit {args.name}; give multiples of {chosen.stride}")
    model = chosen.build()
    from .checkpoint import load_checkpoint
    from .initial import set_random_weights
    from .onnx_file import write_onnx

    if args.checkpoint:
        load_checkpoint(model, args.checkpoint)
    else:
        set_random_weights(model, chosen.preset, args.seed)
    output = args.output or f"{args.name}.onnx"
    write_onnx(model, (height, width), chosen.outputs, output)
    print(f"wrote {output}; a frame is prepared for it by --preprocess {chosen.preset} of patchskip export")


if __name__ == "__main__":
    sys.exit(main())
