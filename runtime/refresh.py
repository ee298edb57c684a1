"""Parts of the picture are computed anew now and then, a little in every frame, those that matter more often.

What a delta gate held back last stays for as long as nothing else changes there: a box, say, where nobody is any more.
A part of what is kept is therefore forgotten before each frame, as `reset` forgets all of it, and comes out of that
frame as if it were the first.
"""

from fractions import Fraction

import numpy as np

from .errors import PatchskipError, whole_number

WHOLE = (1, 1)
SPREAD = 0.618034  # of a round lies between one square's turn and the next one's: neighbours come far apart in time
DUE = 1 - 1e-6  # the sum of a round's shares, rounded


class Refresh:
    """`refresh()` before a frame: each square of the picture is forgotten once in `frames` calls, and once in `revisit`
    while it lies under the boxes of the last call of `found(boxes)`; None is never.

    A square is as large as the largest patch of any layer that has more than one. Forgotten is a value of each of its
    patches, of what gates compare with: what follows is then computed. model: a Model; execution: of a Stream of it,
    with `states`, the arrays of metadata["states"]. Raises PatchskipError where parts of the state cannot be forgotten
    by themselves.
    """

    def __init__(self, model, execution, frames=None, revisit=None):
        self._least = _share("refresh", frames)
        self._most = max(self._least, _share("revisit", revisit))
        if not hasattr(execution, "states"):
            raise PatchskipError("an engine's state cannot be refreshed in parts; leave it out, or call reset()")
        patches = {tuple(mask["size"]): mask["patch"] for mask in model.metadata["masks"]}
        grids = [_grid(size, patch) for size, patch in patches.items()]
        if not grids:
            raise PatchskipError("{} has no masks, so that nothing is kept; leave the refresh out".format(model.path))
        # What is one patch as a whole is computed whenever anything is.
        self._grid = min((grid for grid in grids if grid != WHOLE), default=WHOLE)
        self._parts = []  # (array [h, w, c], side of a patch in it, height and width of a square)
        for state, array in zip(model.metadata["states"], execution.states):
            sides = self._sides(state, array.shape, patches, max(grids))
            if sides and array.dtype.kind == "f" and state.get("compared", True):
                self._parts.append((array.reshape(array.shape[-3:]), *sides))
        # Of the picture, in its pixels.
        self._square = [model.metadata["patch"] * -(-most // n) for most, n in zip(max(grids), self._grid)]
        count = self._grid[0] * self._grid[1]
        self._due = SPREAD * np.arange(count) % 1
        self._shares = np.full(self._grid, self._least)
        self._views = [None] * count  # of the parts, for each square: made once, it is filled the faster
        self._try(model, execution)

    def __call__(self):
        self._due += self._shares.ravel()
        for square in np.flatnonzero(self._due >= DUE).tolist():
            self._due[square] -= 1
            self._forget(square)

    def found(self, boxes):
        """boxes [n, 4]: x1, y1, x2, y2 in the picture's pixels, finite."""
        height, width = self._square
        self._shares.fill(self._least)
        for left, top, right, bottom in boxes:
            across = slice(max(int(left // width), 0), max(int(right // width) + 1, 0))
            self._shares[max(int(top // height), 0) : max(int(bottom // height) + 1, 0), across] = self._most

    def _forget(self, square):
        if self._views[square] is None:
            row, column = divmod(square, self._grid[1])
            self._views[square] = [
                array[row * height : (row + 1) * height : patch, column * width : (column + 1) * width : patch, 0]
                for array, patch, (height, width) in self._parts
            ]
        for view in self._views[square]:
            view.fill(np.nan)

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
        if grid == WHOLE != self._grid:
            return None
        return patch, [patch * -(-count // squares) for count, squares in zip(grid, self._grid)]

    def _try(self, model, execution):
        """Every second square of an empty picture: is all of it there again afterwards?"""
        blank = [np.zeros(entry["shape"], entry["dtype"]) for entry in model.inputs]
        execution.reset()
        execution.run(blank)
        before = [np.isfinite(part[0]).all() for part in self._parts]
        for row in range(self._grid[0]):
            for column in range(row % 2, self._grid[1], 2):
                self._forget(row * self._grid[1] + column)
        execution.run(blank)
        after = [np.isfinite(part[0]).all() for part in self._parts]
        execution.reset()
        if any(was and not now for was, now in zip(before, after)):
            raise PatchskipError(
                "{} cannot be refreshed in parts: its layers' patches do not lie over each other; leave the refresh "
                "out, and call reset() now and then".format(model.path)
            )


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


def _share(what, frames):
    """-> of a round, in each frame; 0 when there is none."""
    if frames is None:
        return 0.0
    return 1.0 / whole_number(frames, "a " + what + " in {!r} frames is not possible; give a whole number, 1 or more")
