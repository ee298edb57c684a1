"""Which tensors must outlive the frame.

PatchSkip computes only active patches, so a tensor needs memory of its own from frame to frame when somebody reads it
elsewhere: a kernel that reaches over the patch's border, a sum or a concatenation that another of its inputs made
active there, a node that stays dense, the user. Everything else (most of all what lies between a depthwise and a
pointwise convolution) is written and read within one frame, from memory that the next layers use again: on a small
machine most of a frame's time is memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

from .geometry import POINTWISE, Size, windows
from .layers import Layer
from .masks import Mask
from .network import Dense, Network


def kept(
    network: Network, active: Mapping[str, Mask], sizes: Mapping[str, Size], joined: Mapping[str, list[Layer]]
) -> set[str]:
    """-> the names of tensors to keep. active: by layer name. sizes: by tensor. joined: by the name of a Concat that is
    never made: the layers that read its inputs instead.

    A layer with a threshold compares what it computes with what is kept; its output is kept because the readers see its
    decision, a mask other than its own.
    """

    def at_once(layer: Layer, reader: Layer | Dense) -> bool:
        if not reads_in_place(reader, layer, sizes):
            return False
        return all(active[last.name] == active[layer.name] for last in joined.get(reader.name, [reader]))

    return {
        layer.output
        for layer in network.layers
        if layer.name not in joined
        if layer.output in network.graph.outputs
        or not all(at_once(layer, reader) for reader in network.readers(layer.output))
    }


def reads_in_place(reader: Layer | Dense, layer: Layer, sizes: Mapping[str, Size]) -> TypeGuard[Layer]:
    """Does each pixel that `reader` computes look at that pixel alone of `layer`'s output?"""
    return isinstance(reader, Layer) and all(
        windows(reader.op_type, reader.attributes, index, sizes[name], reader.size) == (POINTWISE, POINTWISE)
        for index, name in enumerate(reader.inputs)
        if name == layer.output
    )
