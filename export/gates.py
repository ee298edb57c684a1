"""Which layers decide whether their result is worth passing on, and from what difference on it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from patchskip.runtime.errors import PatchskipError

from .chaining import reader_to_join
from .gate_file import Gate, cell_within
from .geometry import Size
from .layers import Layer
from .network import Network

MOST_PICTURE_CELL = 16  # that the kernels can do
AT_PICTURE = 0.25  # of the share that layers are given
_LEAST = 0.05  # without halo: the share of the network's multiplications that a gate must be able to stop


def candidates(network: Network, halo: bool = False) -> list[Layer]:
    """The layers that can have a gate: convolutions, and whatever a kernel reads, with multiplications behind them.

    Without halo what can be computed inside the convolution behind it has no gate of its own: that one has.
    """
    layers = network.layers
    kernels = {name for layer in layers for name in layer.inputs if layer.kernel > 1}
    pictures = {entry.tensor for entry in network.entries}  # decided upon where they came in
    return [
        layer
        for number, layer in enumerate(layers)
        if not (layer.leaves or layer.inputs[0] in pictures and not layer.macs)
        and (halo or reader_to_join(network, layer) is None)
        and (layer.op_type in ("Conv", "ConvTranspose", "DeformConv") or layer.output in kernels)
        and _reached(layer, layers[number + 1 :]) > 0
    ]


def gated(network: Network, halo: bool, share: float = _LEAST) -> list[Layer]:
    """Those of the candidates whose gate stops more than it costs: the default.

    Without halo the layers that *dominate* `share` of the multiplications: when these have no other way to the
    picture. A gate inside a branch is undone by the union at the join, and every gate costs a comparison on every
    active patch. Measured on yolox_nano (576 x 768, PETS09): 18 gates instead of 106 give the same active
    multiplications + 4 %, at two thirds of the time.

    With halo every candidate: each kernel spreads the change by a patch, and only gates take that back. There 18 gates
    make three times as many patches active as 106, and take twice the time.
    """
    layers = network.layers
    least = share * sum(layer.macs for layer in layers)
    return [
        layer
        for layer in candidates(network, halo)
        if halo or _dominated(layer, layers[layers.index(layer) + 1 :]) >= least
    ]


def _reached(layer: Layer, behind: Sequence[Layer]) -> int:
    """Multiplications of the layers that depend on `layer`'s output."""
    inside, macs = {layer.output}, 0
    for other in behind:
        if not inside.isdisjoint(other.inputs):
            inside.add(other.output)
            macs += other.macs
    return macs


def _dominated(layer: Layer, behind: Sequence[Layer]) -> int:
    """Multiplications of the layers that depend on the picture through `layer`'s output alone."""
    inside, macs = {layer.output}, 0
    for other in behind:
        if inside.issuperset(other.inputs):
            inside.add(other.output)
            macs += other.macs
    return macs


def default_cell(patch: int) -> int:
    """Side of the cells whose change is measured, where a gate does not say: half a patch, or the next less."""
    return cell_within(patch, min(patch // 2, MOST_PICTURE_CELL))


def relative_gates(
    network: Network, layers: Sequence[Layer], threshold: float, scales: Mapping[str, float]
) -> dict[str, Gate]:
    """The same share of the mean |Y| of each of `layers`, a quarter of it at the picture, where what is cut off is lost
    to every layer. scales: tensor -> mean |value|. -> by layer or entry name.
    """
    found = {entry.tensor: Gate(AT_PICTURE * threshold * scales[entry.tensor]) for entry in network.entries}
    for layer in layers:
        if layer.output in scales:
            found[layer.name] = Gate(threshold * scales[layer.output])
    return found


def given_gates(
    network: Network,
    layers: Sequence[Layer],
    gates: Mapping[str, float | Gate],
    patch_of: Callable[[Size], int],
    source: str = "the gates",
) -> dict[str, Gate]:
    """Gates from elsewhere: each picture's, and those of any of `layers`, the candidates. Numbers are thresholds.

    patch_of: side of a patch on a tensor of that size. -> by layer or entry name, without those of threshold 0 at
    layers, each with its cell. Raises PatchskipError when they do not fit the network.
    """
    pictures = {entry.tensor: (entry.shape[1], entry.shape[2:]) for entry in network.entries}
    places = {**pictures, **{layer.name: (layer.shape[3], layer.size) for layer in layers}}
    missing = [name for name in pictures if name not in gates]
    unknown = [name for name in gates if name not in places]
    if missing or unknown:
        said = "; ".join(
            f"{what} {', '.join(some[:5])}{' and %d more' % (len(some) - 5) if len(some) > 5 else ''}"
            for what, some in (("missing", missing), ("unknown", unknown))
            if some
        )
        raise PatchskipError(
            f"{source} do not fit this network: {said}; the picture's must be there, and those of convolutions that "
            "others follow may: `patchskip inspect --layers` lists the names"
        )
    found = {}
    for name, given in gates.items():
        channels, (height, width) = places[name]
        patch = patch_of((height, width))
        gate = (given if isinstance(given, Gate) else Gate(float(given))).on(patch)
        _check(f"{source}: {name}", gate, channels, patch, name in pictures)
        if gate.threshold > 0 or name in pictures:
            found[name] = replace(gate, cell=gate.cell or default_cell(patch))
    return found


def _check(name: str, gate: Gate, channels: int, patch: int, picture: bool) -> None:
    if not 0 <= gate.threshold < float("inf"):
        raise PatchskipError(f"{name} has the threshold {gate.threshold}; it must be 0 or more, and finite")
    if gate.cell is not None and (gate.cell < 1 or patch % gate.cell):
        raise PatchskipError(f"{name} has cells of {gate.cell} pixels; they must divide its patches, of {patch}")
    if picture and (gate.cell or 1) > MOST_PICTURE_CELL:
        raise PatchskipError(f"{name} has cells of {gate.cell} pixels; at the picture {MOST_PICTURE_CELL} are possible")
    if gate.weights is None:
        return
    if gate.weights.shape != (channels,):
        raise PatchskipError(f"{name} has weights {list(gate.weights.shape)}; the tensor has {channels} channels")
    if not (np.isfinite(gate.weights).all() and (gate.weights >= 0).all()):
        raise PatchskipError(f"{name} has weights that are negative or not finite")
