"""`python -m patchskip.training.backbones NAME`: a backbone as an ordinary ONNX network, for `patchskip export`."""

from __future__ import annotations

import argparse
import sys

from patchskip.runtime.errors import exit_status
from patchskip.runtime.files import check_targets

from . import backbone
from .filled import add_arguments, filled


def main(argv: list[str] | None = None) -> int:
    """-> exit status"""
    parser = argparse.ArgumentParser(
        prog="patchskip.training.backbones", description="Write a backbone as an ordinary ONNX network."
    )
    add_arguments(parser)
    parser.add_argument("-o", "--output", metavar="OUT.onnx", help="default: NAME.onnx")
    return exit_status(write, parser.parse_args(argv))


def write(args: argparse.Namespace) -> int:
    output = args.output or f"{args.name}.onnx"
    check_targets([output], [args.checkpoint])
    model, size = filled(args.name, args.size, args.checkpoint, args.seed)
    from .onnx_file import write_onnx

    chosen = backbone(args.name)
    write_onnx(model, size, chosen.outputs, output)
    print(f"wrote {output}; a frame is prepared for it by --preprocess {chosen.preset} of patchskip export")
    return 0


if __name__ == "__main__":
    sys.exit(main())
