"""Masks: the grid of each tensor, and the PatchMask nodes between grids."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from onnx import NodeProto, helper

from .geometry import POINTWISE, Size, Window, windows
from .layers import Layer

_MOST = 16  # masks one PatchMask takes


class Mask(NamedTuple):
    """since: the step of the network whose decision it waits for; known to every step behind it."""

    name: str
    patch: int
    size: Size
    since: int


class Source(NamedTuple):
    """A mask, and how an operator reads the tensor it belongs to."""

    mask: Mask
    rows: Window
    columns: Window

    def keeps(self, size: Size, patch: int) -> bool:
        """Is the mask on `size`, in patches of `patch`, the same numbers: is each patch the one that it reads?"""
        same_picture = all(n * self.mask.patch == m * patch for n, m in zip(size, self.mask.size))
        return same_picture and all(
            window.patches(first, min(first + patch, n), m, self.mask.patch) == (first // patch, first // patch)
            for window, n, m in zip((self.rows, self.columns), size, self.mask.size)
            for first in range(0, n, patch)
        )


def side_on(size: Size, image: Size, patch: int) -> int | None:
    """Side, in pixels of a tensor of `size`, of what `patch` pixels of `image` show; None when it is not whole."""
    sides = {(patch * n // m if patch * n % m == 0 else None) for n, m in zip(size, image)}
    return sides.pop() if len(sides) == 1 else None


def patch_of(size: Size, image: Size, patch: int) -> int:
    """Side of a patch on a tensor of `size`: that of `patch` pixels of `image`, or near it a power of two."""
    whole = side_on(size, image, patch)
    if whole:
        return whole
    stride = max(1, round(image[0] / size[0]))
    return 1 << (max(1, patch // stride).bit_length() - 1)


class Masks:
    """Knows every tensor's mask; makes a PatchMask once for each question.

    image: the size in pixels that `patch` refers to. halo: do windows reach beyond a pixel's own footprint? radius: as
    of `geometry.windows`.
    """

    def __init__(self, image: Size, patch: int, halo: bool, radius: int | None, new_name: Callable[[str], str]):
        self.image, self.patch, self.halo, self.radius, self._new_name = image, patch, halo, radius, new_name
        self.of: dict[str, Mask] = {}  # tensor -> mask
        self._made: dict[tuple, Mask] = {}
        self._sources: dict[Mask, list[Source]] = {}  # of the made ones
        self._nodes: dict[str, NodeProto] = {}  # mask -> the node that makes it, until it is asked for

    def patch_of(self, size: Size) -> int:
        return patch_of(size, self.image, self.patch)

    def active(self, layer: Layer, sizes: dict[str, Size]) -> Mask:
        """The mask of the patches that `layer` must look at. `sizes`: of its inputs."""
        sources = []
        for index, tensor in enumerate(layer.inputs):
            sides = sizes[tensor], layer.size
            reads = windows(layer.op_type, layer.attributes, index, *sides, self.halo, self.radius)
            sources.append(Source(self.of[tensor], *reads))
        return self.join(sources, layer.size, layer.output)

    def join(self, sources: list[Source], size: Size, stem: str) -> Mask:
        patch = self.patch_of(size)
        direct = sorted({behind for source in sources for behind in self._behind(source, size, patch)})
        sources = direct if len(direct) <= _MOST else sorted(set(sources))
        first = sources[0].mask
        if len(sources) == 1 and sources[0].keeps(size, patch):
            return first._replace(patch=patch, size=size)
        key = (tuple(sources), size)
        if key not in self._made:
            while len(sources) > _MOST:
                part = self._node(sources[:_MOST], size, patch, stem)
                sources = [*sources[_MOST:], Source(part, POINTWISE, POINTWISE)]
            self._made[key] = self._node(sources, size, patch, stem)
            self._sources[self._made[key]] = sources
        return self._made[key]

    def _behind(self, source: Source, size: Size, patch: int) -> list[Source]:
        """What the mask was made of, where it is read patch by patch: its own node may then not be needed."""
        same = (source.mask.size, source.mask.patch) == (size, patch) and source.keeps(size, patch)
        return self._sources.get(source.mask, [source]) if same else [source]

    def nodes(self, name: str) -> list[NodeProto]:
        """What must run before the mask can be used, in order, less what was asked for before."""
        node = self._nodes.pop(name, None)
        return [*(made for source in node.input for made in self.nodes(source)), node] if node is not None else []

    def _node(self, sources: list[Source], size: Size, patch: int, stem: str) -> Mask:
        name = self._new_name(stem + ".mask")
        self._nodes[name] = helper.make_node(
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
        return Mask(name, patch, size, max(source.mask.since for source in sources))
