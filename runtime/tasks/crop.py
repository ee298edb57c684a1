"""The part of the frame that a network of one person looks at.

It stays where it is while the person stays inside: a picture that moves is new in every pixel, and nothing is skipped.
"""

import collections

import numpy as np

from ..errors import PatchskipError

MARGIN = 0.05  # of the crop's side: joints nearer than this to its border make it move
ROOM = 0.25  # of the person's side, left free on each side when it moves
REMEMBERED = 5  # frames with joints, whose median counts: one joint that jumps moves nothing
LARGEST = 4  # times the frame's longer side: what lies outside the frame takes memory, too
PAD = 114  # grey level of what lies outside the frame


class Crop:
    """`crop(frame)` -> the picture, a view of the frame or, where it reaches beyond, the same memory on every call.

    size    the network's (height, width): the picture has its shape, or less by the rounding
    region  (x, y, width, height) in the frame's pixels; None is the whole frame. Either grows to the network's shape.
    moving  does it follow the person?
    box     [x, y, width, height] after a call
    moves   how often it was moved
    """

    def __init__(self, size, region=None, moving=True):
        self._shape, self._region, self._moving = size, region, moving
        self.box, self.moves = [0, 0, 0, 0], 0
        self._next, self._frame, self._picture = self.box, (0, 0), None
        self._recent = collections.deque(maxlen=REMEMBERED)  # type: collections.deque

    def __call__(self, frame):
        height, width = frame.shape[:2]
        if self._frame != (height, width):
            self._frame = (height, width)
            self._recent.clear()
            x, y, w, h = self._region or (0, 0, width, height)
            if x >= width or y >= height or x + w <= 0 or y + h <= 0:
                raise PatchskipError(
                    "the crop {},{},{},{} lies outside the frame, which is {}x{}".format(x, y, w, h, width, height)
                )
            if max(w, h) > LARGEST * max(width, height):
                raise PatchskipError(
                    "the crop {},{},{},{} is more than {} times as large as the frame, which is {}x{}; give a smaller "
                    "one".format(x, y, w, h, LARGEST, width, height)
                )
            self._next = self._place((x, y, w, h))
        if self.box != self._next:
            self.box, self._picture = self._next, None
        x, y, w, h = self.box
        if x >= 0 and y >= 0 and x + w <= width and y + h <= height:
            return frame[y : y + h, x : x + w]
        if self._picture is None:
            self._picture = np.empty((h, w, 3), np.uint8)
            self._picture.fill(PAD)
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        self._picture[top - y : bottom - y, left - x : right - x] = frame[top:bottom, left:right]
        return self._picture

    def follow(self, points):
        """points [n, 2]: the person's joints in the frame that was just looked at. The next frame may be cropped
        elsewhere.
        """
        if not self._moving or not len(points) or self._next != self.box:
            return
        edge = np.array(self._frame[::-1])
        points = np.clip(points, -edge, 2 * edge)  # a network may put a joint anywhere
        self._recent.append(np.concatenate([points.min(axis=0), points.max(axis=0)]))
        if len(self._recent) < REMEMBERED:
            return
        low, high = np.median(self._recent, axis=0).reshape(2, 2)
        box, frame = np.array(self.box, float), np.array(self._frame[::-1])
        first, last, margin = box[:2], box[:2] + box[2:], MARGIN * box[2:]
        # There is nothing more to see beyond the frame's own border.
        near = ((low < first + margin) & (first > 0)) | ((high > last - margin) & (last < frame))
        if not near.any():
            return
        # It grows with a person who comes nearer. It does not shrink: half a person, seen for a while, is no child.
        side = np.maximum((high - low) * (1 + 2 * ROOM), box[2:])
        self._next = self._place(tuple(np.concatenate([(low + high - side) / 2, side])))
        self.moves += self._next != self.box
        self._recent.clear()

    def shift(self, dx, dy):
        """The camera was bumped, and everything is (dx, dy) pixels further in the frame: the crop goes along, unless it
        is by less than a joint may come near its border.
        """
        for low_and_high in self._recent:
            low_and_high += dx, dy, dx, dy
        x, y, width, height = self.box
        if not self._moving or (abs(dx) <= MARGIN * width and abs(dy) <= MARGIN * height):
            return
        self._next = self._place((x + dx, y + dy, width, height))
        self.moves += self._next != self.box

    def _place(self, region):
        """-> the smallest box of the network's shape around a region, moved into the frame as far as it fits."""
        x, y, w, h = region
        ratio = self._shape[1] / self._shape[0]
        sides = max(w, h * ratio), max(h, w / ratio)
        box = []
        for start, length, side, limit in zip((x, y), (w, h), sides, self._frame[::-1]):
            side = max(1, int(round(side)))
            start = int(round(start + (length - side) / 2.0))
            box.append((min(max(start, 0), limit - side) if side <= limit else (limit - side) // 2, side))
        return [box[0][0], box[1][0], box[0][1], box[1][1]]
