"""Where in a network a gate of PASS may stand, and whether a trained one fits there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from patchskip.runtime.errors import PatchskipError

from .chaining import reader_to_join
from .geometry import Size
from .layers import Layer
from .network import Network
from .pass_gates import TrainedGate


@dataclass(frozen=True)
class Place:
    """layer: whose patches the gate decides on, None at a picture. channels, size, patch: of what it looks at."""

    layer: Layer | None
    channels: int
    size: Size
    patch: int

    @property
    def grid(self) -> Size:
        """Patches, (rows, columns)."""
        return _grid(self.size, self.patch)


def place(network: Network, name: str, patch_of: Callable[[Size], int]) -> Place:
    """Of the gate called `name`: a picture's tensor, or a convolution. patch_of: side of a patch on a tensor of a size.

    Where a depthwise convolution is computed inside the named one, the gate stands before both. Raises PatchskipError.
    """
    for entry in network.entries:
        if entry.tensor == name:
            height, width = entry.shape[2:]
            return Place(None, entry.shape[1], (height, width), patch_of((height, width)))
    named = next((layer for layer in network.layers if layer.name == name), None)
    if named is None or named.op_type != "Conv":
        raise PatchskipError(
            f"there is no place for a PASS gate at {name}: it is {named.op_type if named else 'no layer'}, and neither "
            "a picture nor a convolution; `patchskip inspect --layers` lists the names"
        )
    reader = reader_to_join(network, named)
    if reader is not None:
        raise PatchskipError(f"{name} is computed inside {reader.name}; call the PASS gate of both {reader.name}")
    maker = next((layer for layer in network.layers if layer.output == named.inputs[0]), None)
    layer = maker if maker is not None and reader_to_join(network, maker) is named else named
    if layer.op_type != "Conv":
        raise PatchskipError(f"{name} reads several tensors, joined by {layer.name}; a PASS gate looks at one")
    size = _size(network, layer.inputs[0])
    stride, other = layer.attributes["strides"]
    patch = patch_of(layer.size) * stride
    if stride != other or _grid(size, patch) != _grid(layer.size, patch_of(layer.size)):
        raise PatchskipError(
            f"{name} takes {size[0]}x{size[1]} to {layer.size[0]}x{layer.size[1]} pixels, whose patches do not match"
        )
    channels = layer.weights[0].shape[1] * layer.attributes["group"]
    return Place(layer, channels, size, patch)


def fitting(
    network: Network, gates: Mapping[str, TrainedGate], patch_of: Callable[[Size], int], taken: Collection[str]
) -> dict[str, TrainedGate]:
    """-> the gates by the picture or layer where they stand. taken: names of layers that have a threshold.

    Raises PatchskipError when a gate does not fit its place.
    """
    found = {}
    for name, gate in gates.items():
        at = place(network, name, patch_of)
        for what, have, want in (("channels", gate.form.channels, at.channels), ("patch", gate.form.patch, at.patch)):
            if have != want:
                raise PatchskipError(
                    f"the PASS gate of {name} was trained for {what} {have}, the network has {want} there; train "
                    "it for this network, --input-size and --patch"
                )
        gate.form.patches(at.size)
        if name in taken:
            raise PatchskipError(f"{name} has a threshold and a PASS gate; leave one of them out")
        found[at.layer.name if at.layer else name] = gate
    return found


def _size(network: Network, tensor: str) -> Size:
    for layer in network.layers:
        if layer.output == tensor:
            return layer.size
    height, width = network.graph.shapes[tensor][2:]
    return height, width


def _grid(size: Size, patch: int) -> Size:
    return -(-size[0] // patch), -(-size[1] // patch)
