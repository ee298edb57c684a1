"""What is trained: the export of an ONNX network, with a gate wherever one may pay."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from patchskip.export import DEFAULT_THRESHOLDS, Analysis, Gate
from patchskip.export.gate_file import cell_within
from patchskip.export.gates import AT_PICTURE, gated

from .network import SkipNetwork

PICTURE_CELL = 4  # pixels; smaller cells see more, and the picture's are compared on every frame
LEAST = 0.01  # of the multiplications that a gate's layer dominates: training finds out which gates pay


def trainable(analysis: Analysis, start: Mapping[str, Gate] | None, source: str) -> SkipNetwork:
    """The network with the gates of `start`, a file called `source`, or with those that may pay, whose thresholds
    `set_thresholds` is to set. Raises PatchskipError.
    """
    return SkipNetwork(analysis.emit(_possible(analysis) if start is None else start, source=source))


def _possible(analysis: Analysis) -> dict[str, Gate]:
    gates = {}
    for entry in analysis.entries:
        patch = analysis.patch_of((entry.shape[2], entry.shape[3]))
        gates[entry.tensor] = Gate(1.0, cell_within(patch, PICTURE_CELL))
    for layer in gated(analysis.network, analysis.halo == "full", LEAST):
        gates[layer.name] = Gate(1.0, 1)
    return gates


def set_thresholds(network: SkipNetwork, dense: Mapping[str, Tensor]) -> None:
    """Thresholds to begin with, those of export without halo, from the gates' features of some frames: [N, C, H, W]."""
    for name in network.gate_names:
        share = DEFAULT_THRESHOLDS["none"] * (AT_PICTURE if name in network.pictures else 1)
        network.gate(name).set_threshold(share * float(dense[name].abs().mean()))


def gates_of(network: SkipNetwork, passing: Mapping[str, float], most: float) -> dict[str, Gate]:
    """For a file of gates. Those of layers that let more than `most` of the patches pass are left out.

    passing: gate -> share of the patches it looked at that it let pass. Weights have the mean 1.
    """
    found = {}
    for name in network.gate_names:
        if name in network.pictures or passing[name] <= most:
            gate = network.gate(name)
            weights = gate.weights.detach().cpu().numpy()
            threshold = gate.threshold.item() / float(weights.mean())
            found[name] = Gate(threshold, gate.cell, weights / weights.mean(), gate.patch)
    return found
