"""`patchskip inspect`"""
from __future__ import annotations

import argparse
import json

import onnx
from google.protobuf.message import DecodeError

from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.files import atomic_text

from . import coverage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="an exported model, or any ONNX network")
    parser.add_argument("--layers", action="store_true", help="list every layer")


def main(args: argparse.Namespace) -> int:
    """Print what the model covers. -> exit status"""
    found = inspect(args.model)
    if not args.quiet and args.json != "-":
        if "gate" in found:
            print(f"gate {found['gate']}, threshold {found['threshold']:g}, patches of {found['patch']} pixels")
            for kind in ("inputs", "outputs"):
                print(kind + ": " + ", ".join(f"{v['name']} {v['shape']}" for v in found[kind]))
        if args.layers:
            for node in found["nodes"]:
                print(f"{node['macs'] / 1e6:10.3f} MMAC  {node['op_type']:<18} {node['name']}")
        print(coverage.table(found))
    if args.json:
        with atomic_text(args.json) as file:
            json.dump(found, file, indent=1)
            file.write("\n")
    return 0


def inspect(path: str) -> dict:
    """-> `coverage.report` of a file."""
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise PatchskipError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (DecodeError, ValueError) as error:
        raise PatchskipError(f"{path} is not an ONNX model, or it is cut off; export it again") from error
    if not model.graph.node:
        raise PatchskipError(f"{path} is not an ONNX model, or it is cut off: it has no nodes")
    return coverage.report(model)
