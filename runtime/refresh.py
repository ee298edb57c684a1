"""What a delta gate held back last stays until something else changes there: a box, say, where nobody is any more.

Parts of what is kept are therefore forgotten before a frame, and come out of it as if it were the first: all of the
picture in turn, a little in each frame, and the places of what was found, each as a whole.
"""

import numpy as np

from .errors import whole_number

SPREAD = 0.618034  # of a round lies between one square's turn and the next one's: neighbours come far apart in time
DUE = 1 - 1e-6  # the sum of a round's shares, rounded


class Refresh:
    """`refresh()` before a frame: each square of `parts` is forgotten once in `frames` calls."""

    def __init__(self, parts, frames):
        self._share = 1.0 / _frames("refresh", frames)
        self._parts = parts
        self._due = SPREAD * np.arange(parts.grid[0] * parts.grid[1]) % 1

    def __call__(self):
        self._due += self._share
        for square in np.flatnonzero(self._due >= DUE).tolist():
            self._due[square] -= 1
            row, column = divmod(square, self._parts.grid[1])
            self._parts.forget(slice(row, row + 1), slice(column, column + 1))


class Revisit:
    """`revisit()` before a frame, `revisit.found(boxes)` after it: boxes are forgotten, each as a whole, so that its
    parts are computed from each other, when a square of it has been under boxes for `frames` calls.

    `found` need not be called after every frame; boxes are where they were last found. As many at once as it takes for
    all of them to have their turn: of many that are due together the frames after it get some, and so they stay apart.
    """

    def __init__(self, parts, frames):
        self._frames = _frames("revisit", frames)
        self._parts = parts
        self._ages = np.zeros(parts.grid, int)  # calls under boxes since a square was forgotten
        self._calls = self._looked = 0
        self._next = []

    def __call__(self):
        self._calls += 1
        for place in self._next:
            self._parts.forget(*place)
        self._next = []

    def found(self, boxes):
        """boxes [n, 4]: x1, y1, x2, y2 in pixels of the network's picture, finite; those outside of it are left."""
        since, self._looked = self._calls - self._looked, self._calls
        places = [place for place in (self._place(*box) for box in boxes) if self._ages[place].size]
        under = np.zeros(self._parts.grid, int)
        for place in places:
            under[place] = since
        self._ages += under
        ages = [self._ages[place].max() for place in places]
        turns = -(-len(places) * since // self._frames)
        for index in sorted(range(len(places)), key=ages.__getitem__)[-turns:] if turns else ():
            if ages[index] >= self._frames:
                self._ages[places[index]] = 0
                self._next.append(places[index])

    def _place(self, left, top, right, bottom):
        """-> slices of the grid"""
        height, width = self._parts.square
        return _slice(top // height, bottom // height), _slice(left // width, right // width)


def _slice(first, last):
    return slice(max(int(first), 0), max(int(last) + 1, 0))


def _frames(what, frames):
    return whole_number(frames, "a " + what + " in {!r} frames is not possible; give a whole number, 1 or more")
