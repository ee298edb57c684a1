"""Layers that are computed on more patches than changed, so that nothing of them need be kept.

The short branch of a CSP block changes on fewer patches than the long one beside it, whose kernels spread the change;
their concatenation reads both on the union. Kept, the short branch costs memory traffic on every frame; computed on
the union it costs some multiplications and no memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

from .geometry import Size
from .keeping import reads_in_place
from .layers import Layer
from .masks import Mask
from .network import Dense, Network


def widened(network: Network, active: Mapping[str, Mask], sizes: Mapping[str, Size]) -> dict[str, Mask]:
    """-> the mask of each layer (by name), in place of `active`. sizes: by tensor.

    A layer takes the mask of its readers when they agree on one, read it pixel by pixel, and the mask is known before
    the layer runs: it may not come from its own gate or one behind it. What readers see as changed stays as it was.
    """
    active = dict(active)
    for number, layer in reversed(list(enumerate(network.steps))):
        if isinstance(layer, Layer) and layer.output not in network.graph.outputs:
            readers = network.readers(layer.output)
            masks = {active[r.name] if _reads_little_more(r, layer, sizes) else None for r in readers}
            mask = masks.pop() if len(masks) == 1 else None
            if mask is not None and mask.since < number:
                active[layer.name] = mask
    return active


def _reads_little_more(reader: Layer | Dense, layer: Layer, sizes: Mapping[str, Size]) -> TypeGuard[Layer]:
    """Pixel by pixel, and not as a deformable convolution does: where its taps may be moved to makes it active on many
    more patches than its offsets changed on."""
    return reads_in_place(reader, layer, sizes) and reader.op_type != "DeformConv"
