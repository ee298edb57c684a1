"""Masks: the grid of each tensor, and the PatchMask nodes between grids."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from onnx import NodeProto, helper

from .geometry import POINTWISE, Size, Window, windows
from .layers import Layer

_MOST = 16  # masks one PatchMask takes


class Mask(NamedTuple):
    name: str
    patch: int
    size: Size


class Source(NamedTuple):
    """A mask, and how an operator reads the tensor it belongs to."""

    mask: Mask
    rows: Window
    columns: Window

    @property
    def is_pointwise(self) -> bool:
        return self.rows == self.columns == POINTWISE


class Masks:
    """Knows every tensor's mask; makes a PatchMask once for each question.

    image: the size in pixels that `patch` refers to. halo: do windows reach beyond a pixel's own footprint?
    """

    def __init__(self, image: Size, patch: int, halo: bool, new_name: Callable[[str], str]):
        self.image, self.patch, self.halo, self._new_name = image, patch, halo, new_name
        self.of: dict[str, Mask] = {}  # tensor -> mask
        self.nodes: list[NodeProto] = []
        self._made: dict[tuple, Mask] = {}

    def patch_of(self, size: Size) -> int:
        """Side of a patch on a tensor of `size`: the same picture area everywhere, a power of two, at least 1."""
        stride = max(1, round(self.image[0] / size[0]))
        return 1 << (max(1, self.patch // stride).bit_length() - 1)

    def active(self, layer: Layer, sizes: dict[str, Size]) -> Mask:
        """The mask of the patches that `layer` must look at. `sizes`: of its inputs."""
        sources = []
        for index, tensor in enumerate(layer.inputs):
            reads = windows(layer.op_type, layer.attributes, index, sizes[tensor], layer.size, self.halo)
            sources.append(Source(self.of[tensor], *reads))
        return self.join(sources, layer.size, layer.output)

    def join(self, sources: list[Source], size: Size, stem: str) -> Mask:
        sources, patch = sorted(set(sources)), self.patch_of(size)
        if len(sources) == 1 and sources[0].is_pointwise and sources[0].mask[1:] == (patch, size):
            return sources[0].mask
        key = (tuple(sources), size)
        if key not in self._made:
            while len(sources) > _MOST:
                part = self._node(sources[:_MOST], size, patch, stem)
                sources = [*sources[_MOST:], Source(part, POINTWISE, POINTWISE)]
            self._made[key] = self._node(sources, size, patch, stem)
        return self._made[key]

    def _node(self, sources: list[Source], size: Size, patch: int, stem: str) -> Mask:
        name = self._new_name(stem + ".mask")
        self.nodes.append(
            helper.make_node(
                "PatchMask",
                [source.mask.name for source in sources],
                [name],
                name,
                domain="patchskip",
                size=list(size),
                patch=patch,
                in_patch=[source.mask.patch for source in sources],
                windows=[n for source in sources for window in (source.rows, source.columns) for n in window],
            )
        )
        return Mask(name, patch, size)
