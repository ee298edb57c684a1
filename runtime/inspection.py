"""`patchskip inspect`: what a model, or an engine, is made of. An engine is read from its sidecar: no GPU is needed."""

import json

import numpy as np

from .errors import PatchskipError, one_line
from .files import atomic_json, check_targets
from .model import files_of, is_engine, read_metadata

SHOWN = ("coverage", "macs", "gate", "threshold", "patch")  # of the metadata, beside its lists


def add_arguments(parser):
    parser.add_argument("model", metavar="MODEL", help="an exported model, an engine, or any ONNX network")
    parser.add_argument(
        "--layers", action="store_true", help="list every node: its work, whether its output is kept, its gate"
    )


def main(args):
    """Print what the model covers. -> exit status"""
    check_targets([args.json], files_of(args.model))
    if not is_engine(args.model):
        return _import_export().main(args)
    found = inspect(args.model)
    if not args.quiet and args.json != "-":
        print(describe(args.model, found))
        if args.layers:
            for node in found["nodes"]:
                print(
                    "{:10.3f} MMAC  {:<14} {} {}".format(
                        node["macs"] / 1e6, node["op_type"], gate_column(node), node["name"]
                    )
                )
    if args.json:
        atomic_json(args.json, found)
    return 0


def inspect(path):
    """-> an engine's sidecar without the metadata, and of that coverage, macs, nodes, states, state_bytes, gate,
    threshold, patch, inputs and outputs, as export.coverage has them.
    """
    from .tensorrt import sidecar

    found = sidecar.read(path)
    metadata = read_metadata(json.dumps(found.pop("metadata")), path, SHOWN)
    gates = {gate.pop("name"): gate for gate in metadata.get("gates", [])}
    nodes = [
        dict(
            {"name": layer["name"], "op_type": layer["op_type"], "macs": layer["macs"], "patchskip": patchskip},
            **(gates.get(layer["name"], {}) if patchskip else {}),
        )
        for patchskip, layers in ((True, metadata["layers"]), (False, metadata["dense"]))
        for layer in layers
    ]
    sizes = [np.prod(s["shape"]) * np.dtype(s.get("dtype", "float32")).itemsize for s in metadata["states"]]
    kept = {key: metadata[key] for key in SHOWN + ("inputs", "outputs")}
    return dict(found, nodes=nodes, states=len(sizes), state_bytes=int(sum(sizes)), **kept)


def describe(path, found):
    lines = [
        "{}: {:.1f} MiB, {}, made of {}".format(
            path, found["engine"]["bytes"] / 2.0**20, found["precision"], found["onnx"]["file"]
        ),
        "for {}, {} {}, plugin {kind} {version}".format(
            "{} (sm_{})".format(found["gpu"], found["sm"]) if found["sm"] else "any GPU",
            found["flavour"],
            found["tensorrt"],
            **found["plugin"],
        ),
        gate_line(found),
    ]
    for kind in ("inputs", "outputs"):
        lines.append(kind + ": " + ", ".join("{name} {shape}".format(**entry) for entry in found[kind]))
    lines.append("coverage {:.1%} of {:.1f} MMAC".format(found["coverage"], found["macs"] / 1e6))
    lines.append("state {:.1f} MiB in {} tensors".format(found["state_bytes"] / 2.0**20, found["states"]))
    return "\n".join(lines)


def gate_line(found):
    """How a model decides, of its metadata."""
    own = found["threshold"] is None
    threshold = "thresholds of its own" if own else "threshold {:g}".format(found["threshold"])
    return "gate {}, {}, patches of {} pixels".format(found["gate"], threshold, found["patch"])


def gate_column(node):
    """Threshold and cell of a node's gate, if it has one; * where channels have weights."""
    if not node.get("threshold"):
        return " " * 16
    return "{:<16}".format("gate {threshold:.3g}/{cell}{}".format("*" if node["weighted"] else "", **node))


def _import_export():
    try:
        from patchskip.export import inspection
    except (ImportError, SyntaxError) as error:  # a device has no onnx, or an old Python
        raise PatchskipError(
            "an ONNX network is read with Python 3.10 or newer and the package onnx ({}); inspect it where it was "
            "exported".format(one_line(error))
        ) from error
    return inspection
