"""Which layers decide whether their result is worth passing on, and from what difference on it is."""

from __future__ import annotations

from collections.abc import Mapping

from patchskip.runtime.errors import PatchskipError

from .layers import Layer
from .network import Network


def gated(network: Network) -> list[Layer]:
    """Convolutions, and whatever a kernel reads, as long as there are multiplications behind them to save."""
    readers: dict[str, list[Layer]] = {}
    for layer in network.layers:
        for name in layer.inputs:
            readers.setdefault(name, []).append(layer)
    saves: dict[str, bool] = {}
    for layer in reversed(network.layers):
        saves[layer.output] = any(reader.macs or saves[reader.output] for reader in readers.get(layer.output, []))
    return [
        layer
        for layer in network.layers
        if saves[layer.output]
        and layer.op_type != "Flatten"
        and (layer.op_type in ("Conv", "ConvTranspose") or any(r.kernel > 1 for r in readers.get(layer.output, [])))
    ]


def relative_thresholds(network: Network, threshold: float, scales: Mapping[str, float]) -> dict[str, float]:
    """The same share of every layer's mean |Y|. scales: tensor -> mean |value|. -> by layer or entry name."""
    found = {entry.tensor: threshold * scales[entry.tensor] for entry in network.entries}
    for layer in gated(network):
        if layer.output in scales:
            found[layer.name] = threshold * scales[layer.output]
    return found


def given_thresholds(network: Network, gates: Mapping[str, float], source: str = "the gates") -> dict[str, float]:
    """Absolute thresholds from a file, one for each gated layer. Raises PatchskipError on a wrong set of names."""
    names = [entry.tensor for entry in network.entries] + [layer.name for layer in gated(network)]
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
