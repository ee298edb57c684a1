"""What an export covers: the share of the multiplications in PatchSkip nodes, and why the others are not."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import onnx
from onnx import helper

from patchskip.runtime.inspection import SHOWN

from .graph import Graph
from .layers import node_macs
from .metadata import is_exported, metadata_of


def report(model: onnx.ModelProto, path: str = "the model") -> dict:
    """-> coverage (0..1), macs, nodes [{name, op_type, macs, patchskip, ...}], states, state_bytes, activation_bytes,
    memory_ratio, gate, threshold, patch, preset, inputs, outputs.

    nodes: dense ones have a `reason`; PatchSkip ones `shape`, `kept` (is the output kept from frame to frame?) and
    their gate's `threshold`, 0 without one, with it `cell` and `weighted`. activation_bytes: of all that PatchSkip
    nodes compute; memory_ratio: the states' share of that. A model that was not exported by patchskip has coverage 0
    and all its nodes dense. Raises PatchskipError, which names `path`, when the metadata cannot be read.
    """
    if not is_exported(model):
        graph = Graph(model)
        reason = "the model is not a PatchSkip one"
        nodes = [_node(node.label, node.op_type, node_macs(graph, node), reason) for node in graph.nodes]
        macs = sum(node["macs"] for node in nodes)
        none = {"states": 0, "state_bytes": 0, "activation_bytes": 0, "memory_ratio": 0.0}
        return {"coverage": 0.0, "macs": macs, "nodes": nodes, **none}
    metadata = metadata_of(model, path, SHOWN)
    caches, gates = _caches_and_gates(model)
    nodes = [
        {
            **_node(layer["name"], layer["op_type"], layer["macs"]),
            "shape": layer["shape"],
            "kept": bool(caches.get(layer["name"])),
            **gates.get(layer["name"], {"threshold": 0.0}),
        }
        for layer in metadata["layers"]
    ]
    nodes += [_node(d["name"], d["op_type"], d["macs"], d["reason"]) for d in metadata["dense"]]
    computed = 4 * sum(int(np.prod(layer["shape"])) for layer in metadata["layers"])
    held = 4 * sum(int(np.prod(state["shape"])) for state in metadata["states"])
    return {
        "coverage": metadata["coverage"],
        "macs": metadata["macs"],
        "nodes": nodes,
        "states": len(metadata["states"]),
        "state_bytes": held,
        "activation_bytes": computed,
        "memory_ratio": held / computed if computed else 0.0,
        "gate": metadata["gate"],
        "threshold": metadata["threshold"],
        "patch": metadata["patch"],
        "preset": metadata.get("preset"),
        "inputs": metadata["inputs"],
        "outputs": metadata["outputs"],
    }


def _caches_and_gates(model: onnx.ModelProto) -> tuple[dict[str, str], dict[str, dict]]:
    """By layer name: the cache's name, "" without; threshold, cell and weighted of its own gate or of the picture's."""
    caches, gates = {}, {}
    for node in model.graph.node:
        layer = node.input[0] if node.op_type == "PatchGate" else node.name
        found = {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name in ("threshold", "cell")}
        if "threshold" in found:
            gates[layer] = {**found, "weighted": any(a.name == "weights" for a in node.attribute)}
        if node.op_type == "PatchSkip":
            caches[layer] = node.input[1]
    return caches, gates


def _node(name: str, op_type: str, macs: int, reason: str | None = None) -> dict:
    node = {"name": name, "op_type": op_type, "macs": macs, "patchskip": reason is None}
    return node if reason is None else {**node, "reason": reason}


def table(found: dict) -> str:
    """The report for people: op types with their share, then why nodes were left dense."""
    groups: dict[tuple[bool, str], list[dict]] = defaultdict(list)
    for node in found["nodes"]:
        groups[not node["patchskip"], node["op_type"]].append(node)
    lines = [f"{'':10} {'operator':<20} {'nodes':>6} {'MMAC':>10} {'share':>7}"]
    for (dense, op_type), nodes in sorted(groups.items(), key=lambda item: (item[0][0], -_macs(item[1]), item[0][1])):
        share = _macs(nodes) / found["macs"] if found["macs"] else 0.0
        kind = "dense" if dense else "PatchSkip"
        lines.append(f"{kind:10} {op_type:<20} {len(nodes):>6} {_macs(nodes) / 1e6:>10.2f} {share:>7.1%}")
    reasons: dict[str, list[dict]] = defaultdict(list)
    for node in found["nodes"]:
        if not node["patchskip"]:
            reasons[node["reason"]].append(node)
    for reason, nodes in reasons.items():
        names = ", ".join(f"{node['op_type']} {node['name']}" for node in nodes[:3])
        lines.append(f"dense because {reason}: {names}{f' and {len(nodes) - 3} more' if len(nodes) > 3 else ''}")
    lines.append(f"coverage {found['coverage']:.1%} of {found['macs'] / 1e6:.1f} MMAC")
    if found["states"]:
        lines.append(
            f"state {found['state_bytes'] / 2**20:.1f} MiB in {found['states']} tensors, "
            f"{found['memory_ratio']:.2f} of the {found['activation_bytes'] / 2**20:.1f} MiB that layers compute"
        )
    return "\n".join(lines)


def _macs(nodes: list[dict]) -> int:
    return sum(node["macs"] for node in nodes)
