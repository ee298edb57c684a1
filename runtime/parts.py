"""Which parts of the inter-frame state belong to which part of the picture, so that these can be forgotten alone.

Forgotten is a value of each patch, of what gates compare with: what follows is then computed, as after `reset`.
"""

from fractions import Fraction

import numpy as np

from .errors import PatchskipError

WHOLE = (1, 1)


class Parts:
    """The picture as a grid of squares, each as large as the largest patch of any layer that has more than one.

    grid    (rows, columns)
    square  [height, width] in the pixels of the network's picture

    model: a Model; execution: of a Stream of it. Raises PatchskipError where parts of the state cannot be forgotten by
    themselves.
    """

    def __init__(self, model, execution):
        patches = _patches(model.metadata)
        if not patches:
            raise PatchskipError("{} has no masks, so that nothing is kept; leave the refresh out".format(model.path))
        self.grid, self.square = squares(model.metadata)
        finest = max(_grid(size, patch) for size, patch in patches.items())
        self._kept = []  # (state, side of a patch in it, height and width of a square)
        for state, kept in zip(model.metadata["states"], execution.states):
            sides = self._sides(state, kept.shape, patches, finest)
            if sides and kept.dtype.kind == "f" and state.get("compared", True):
                self._kept.append((kept, *sides))
        self._try(model, execution)

    def forget(self, rows, columns):
        """Slices of the grid, with a start and a stop."""
        for kept, patch, height, width in self._kept:
            kept.forget(
                slice(rows.start * height, rows.stop * height, patch),
                slice(columns.start * width, columns.stop * width, patch),
            )

    def _sides(self, state, shape, patches, finest):
        """-> side of a patch, height and width of a square in a state; None when it has none."""
        size, patch = shape[-3:-1], None
        if state["kind"] == "reference" and len(shape) >= 3:
            patch = -(-size[0] // finest[0])  # of the picture: cells, a whole number for each of its patches
        elif len(shape) == 4:
            patch = _patch(tuple(size), patches)
        if patch is None:
            return None
        grid = _grid(size, patch)
        if grid == WHOLE != self.grid:
            return None
        return [patch, *(patch * -(-count // squares) for count, squares in zip(grid, self.grid))]

    def _try(self, model, execution):
        """Every second square of an empty picture: is all of it there again afterwards?"""
        blank = [np.zeros(entry["shape"], entry["dtype"]) for entry in model.inputs]
        execution.reset()
        execution.run(blank)
        before = [kept.known() for kept, *_ in self._kept]
        for row in range(self.grid[0]):
            for column in range(row % 2, self.grid[1], 2):
                self.forget(slice(row, row + 1), slice(column, column + 1))
        execution.run(blank)
        after = [kept.known() for kept, *_ in self._kept]
        execution.reset()
        if any(was and not now for was, now in zip(before, after)):
            raise PatchskipError(
                "{} cannot be refreshed in parts: its layers' patches do not lie over each other; leave the refresh "
                "out, and call reset() now and then".format(model.path)
            )


def squares(metadata):
    """-> `grid` and `square` of Parts, of an exported model that has masks."""
    grids = [_grid(size, patch) for size, patch in _patches(metadata).items()]
    # What is one patch as a whole is computed whenever anything is.
    grid = min((grid for grid in grids if grid != WHOLE), default=WHOLE)
    return grid, [metadata["patch"] * -(-most // n) for most, n in zip(max(grids), grid)]


def _patches(metadata):
    """-> side of a patch by the size of its tensors"""
    return {tuple(mask["size"]): mask["patch"] for mask in metadata["masks"]}


def _patch(size, patches):
    """-> side of the patches of a tensor, or None. Tensors whose patches are the same squares of the picture share a
    mask, in which only one of them is named.
    """
    if size in patches:
        return patches[size]
    sides = [patch * Fraction(size[0], other[0]) for other, patch in patches.items() if _same_form(size, other)]
    return int(min((side for side in sides if side.denominator == 1), default=0)) or None


def _same_form(size, other):
    return size[0] * other[1] == size[1] * other[0]


def _grid(size, patch):
    return tuple(-(-pixels // patch) for pixels in size)
