"""Which layers decide whether their result is worth passing on, and from what difference on it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from patchskip.runtime.errors import PatchskipError

from .chaining import reader_to_join
from .layers import Layer
from .network import Network

_AT_PICTURE = 0.25
_LEAST = 0.05  # without halo: the share of the network's multiplications that a gate must be able to stop


def gated(network: Network, halo: bool) -> list[Layer]:
    """Convolutions, and whatever a kernel reads, whose gate stops more than it costs.

    Without halo the layers that *dominate* at least 5 % of the multiplications: when these have no other way to the
    picture. A gate inside a branch is undone by the union at the join, and every gate costs a comparison on every
    active patch. Measured on yolox_nano (576 x 768, PETS09): 18 gates instead of 106 give the same active
    multiplications + 4 %, at two thirds of the time. What can be computed inside the convolution behind it has no gate
    of its own either: that one has.

    With halo every layer that has multiplications behind it: each kernel spreads the change by a patch, and only gates
    take that back. There 18 gates make three times as many patches active as 106, and take twice the time.
    """
    layers = network.layers
    kernels = {name for layer in layers for name in layer.inputs if layer.kernel > 1}
    total = sum(layer.macs for layer in layers)

    def pays(number: int, layer: Layer) -> bool:
        behind = layers[number + 1 :]
        return _reached(layer, behind) > 0 if halo else 0 < _LEAST * total <= _dominated(layer, behind)

    return [
        layer
        for number, layer in enumerate(layers)
        if layer.op_type != "Flatten"
        and (halo or reader_to_join(network, layer) is None)
        and (layer.op_type in ("Conv", "ConvTranspose") or layer.output in kernels)
        and pays(number, layer)
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


def relative_thresholds(
    network: Network, layers: Sequence[Layer], threshold: float, scales: Mapping[str, float]
) -> dict[str, float]:
    """The same share of the mean |Y| of each of `layers`, a quarter of it at the picture, where what is cut off is lost
    to every layer. scales: tensor -> mean |value|. -> by layer or entry name.
    """
    found = {entry.tensor: _AT_PICTURE * threshold * scales[entry.tensor] for entry in network.entries}
    for layer in layers:
        if layer.output in scales:
            found[layer.name] = threshold * scales[layer.output]
    return found


def given_thresholds(
    network: Network, layers: Sequence[Layer], gates: Mapping[str, float], source: str = "the gates"
) -> dict[str, float]:
    """Absolute thresholds from a file, one for each of `layers`. Raises PatchskipError on a wrong set of names."""
    names = [entry.tensor for entry in network.entries] + [layer.name for layer in layers]
    missing = [name for name in names if name not in gates]
    unknown = [name for name in gates if name not in names]
    if missing or unknown:
        said = "; ".join(
            f"{what} {', '.join(some[:5])}{' and %d more' % (len(some) - 5) if len(some) > 5 else ''}"
            for what, some in (("missing", missing), ("unknown", unknown))
            if some
        )
        raise PatchskipError(f"{source} does not fit this network: {said}; `patchskip inspect` lists the layers' names")
    for name in names:
        if not float(gates[name]) >= 0:
            raise PatchskipError(f"{source} has the threshold {float(gates[name])} for {name}; it must be 0 or more")
    return {name: float(gates[name]) for name in names}
