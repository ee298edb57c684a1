"""`patchskip inspect` of an ONNX network: runtime/inspection.py calls it."""

from __future__ import annotations

import argparse

from patchskip.runtime.files import atomic_json
from patchskip.runtime.inspection import gate_column, gate_line

from . import coverage, loading
from .metadata import is_exported


def main(args: argparse.Namespace) -> int:
    """Print what the model covers. -> exit status"""
    found = inspect(args.model)
    if not args.quiet and args.json != "-":
        if "gate" in found:
            print(gate_line(found))
            for kind in ("inputs", "outputs"):
                print(kind + ": " + ", ".join(f"{v['name']} {v['shape']}" for v in found[kind]))
        if args.layers:
            for node in found["nodes"]:
                print(_line(node))
        print(coverage.table(found))
    if args.json:
        atomic_json(args.json, found)
    return 0


def _line(node: dict) -> str:
    shape = "x".join(str(n) for n in node.get("shape", [])[1:])
    kept = ("kept" if node["kept"] else "") if node["patchskip"] else "dense"
    work = f"{node['macs'] / 1e6:10.3f} MMAC"
    return f"{work}  {node['op_type']:<14} {shape:<12} {kept:<5} {gate_column(node)} {node['name']}"


def inspect(path: str) -> dict:
    """-> `coverage.report` of a file."""
    model = loading.read(path)
    return coverage.report(model if is_exported(model) else loading.load(path), path)
