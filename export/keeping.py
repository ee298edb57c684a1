"""Which tensors must outlive the frame.

PatchSkip computes only active patches, so a tensor needs memory of its own from frame to frame when somebody reads it
elsewhere: a kernel that reaches over the patch's border, a sum or a concatenation that another of its inputs made
active there, a node that stays dense, the user. Everything else (most of all what lies between a depthwise and a
pointwise convolution) is written and read within one frame, from memory that the next layers use again: on a small
machine most of a frame's time is memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from .geometry import POINTWISE, Size, windows
from .layers import Layer
from .masks import Mask
from .network import Network


def kept(
    network: Network, active: Mapping[str, Mask], masks: Mapping[str, Mask], sizes: Mapping[str, Size]
) -> set[str]:
    """-> the names of tensors to keep. active: by layer name. masks: of each tensor, what its readers see changing."""
    return {
        layer.output
        for layer in network.layers
        if masks[layer.output] != active[layer.name]  # gated: compared with what is kept
        or layer.op_type == "Flatten"
        or layer.output in network.graph.outputs
        or not all(
            isinstance(reader, Layer) and _stays_inside(reader, layer, active, sizes)
            for reader in network.readers(layer.output)
        )
    }


def _stays_inside(reader: Layer, layer: Layer, active: Mapping[str, Mask], sizes: Mapping[str, Size]) -> bool:
    """Does `reader` look at no patch of `layer`'s output that was not computed in this frame?"""
    if reader.op_type == "Flatten" or active[reader.name] != active[layer.name]:
        return False
    return all(
        windows(reader.op_type, reader.attributes, index, sizes[name], reader.size) == (POINTWISE, POINTWISE)
        for index, name in enumerate(reader.inputs)
        if name == layer.output
    )
