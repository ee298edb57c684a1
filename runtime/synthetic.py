"""A generated clip: a textured background that rests, shapes that move, a little sensor noise."""

import numpy as np

from .errors import PatchskipError
from .sources import Source, options

DEFAULTS = {"frames": "120", "size": "640x480", "seed": "0", "noise": "1.5", "shapes": "4"}
SEEDS = 2**32  # that numpy's generator has


class Synthetic(Source):
    """`synthetic://?frames=120&size=640x480&seed=0&noise=1.5&shapes=4`: the same clip every time.

    noise   standard deviation in grey levels
    shapes  number of moving shapes, each about a tenth of the frame high
    """

    def __init__(self, spec):
        self.spec = spec
        given = options(spec, DEFAULTS)
        try:
            width, height = (int(n) for n in given["size"].split("x"))
            count, shapes = int(given["frames"]), int(given["shapes"])
            self._seed, noise = int(given["seed"]), float(given["noise"])
        except ValueError as error:
            raise PatchskipError("{}: {}; give e.g. synthetic://?size=640x480&seed=1".format(spec, error)) from error
        if min(width, height) < 16 or max(width, height) > 8192 or count < 1:
            raise PatchskipError("{}: give a size of 16x16 to 8192x8192 and frames >= 1".format(spec))
        if not 0 <= self._seed < SEEDS or not 0 <= shapes <= 1000 or not 0 <= noise <= 64:
            raise PatchskipError("{}: give a seed below 2^32, shapes 0..1000 and noise 0..64".format(spec))
        self.size, self.count = (height, width), count
        rng = np.random.RandomState(self._seed)
        self._background = _texture(rng, height, width)
        # One field of noise, read from another place for each frame: as good to the eye, and cheap.
        self._noise = np.round(rng.normal(0, noise, (height + 64, width + 64, 3))).astype(np.int16)
        self._movers = [_Mover(rng, height, width) for _ in range(shapes)]

    def _frames(self):
        height, width = self.size
        for i in range(self.first + (self.count or 0)):
            frame = self._background.copy()
            for mover in self._movers:
                mover.draw(frame, i)
            y, x = np.random.RandomState((self._seed + 7919 * (i + 1)) % SEEDS).randint(0, 65, 2)
            yield np.clip(frame + self._noise[y : y + height, x : x + width], 0, 255).astype(np.uint8)


class _Mover:
    """A textured rectangle or ellipse that crosses the frame and turns at its borders."""

    def __init__(self, rng, height, width):
        self._h, self._w = (
            min(max(4, int(height * s)), most)
            for s, most in ((rng.uniform(0.1, 0.2), height), (rng.uniform(0.05, 0.1), width))
        )
        self._patch = np.clip(_texture(rng, self._h, self._w) * 0.5 + rng.randint(0, 128, 3), 0, 255).astype(np.int16)
        y, x = np.ogrid[-1 : 1 : self._h * 1j, -1 : 1 : self._w * 1j]
        self._inside = (y * y + x * x <= 1) if rng.randint(2) else np.ones((self._h, self._w), bool)
        self._ranges = (max(1, height - self._h), max(1, width - self._w))
        self._start = [rng.randint(0, n) for n in self._ranges]
        self._speed = rng.uniform(-0.003, 0.003) * height, rng.choice([-1, 1]) * rng.uniform(0.004, 0.012) * width

    def draw(self, frame, i):
        y, x = (_bounce(int(s + v * i), n) for s, v, n in zip(self._start, self._speed, self._ranges))
        target = frame[y : y + self._h, x : x + self._w]
        target[self._inside] = self._patch[self._inside]


def _bounce(value, limit):
    value %= 2 * limit
    return value if value < limit else 2 * limit - 1 - value


def _texture(rng, height, width):
    """-> int16 [height, width, 3]: noise of several sizes, smooth ones strongest."""
    total = np.full((height, width, 3), 110.0)
    for cell, strength in ((128, 40), (32, 20), (8, 12), (2, 6)):
        coarse = rng.uniform(-1, 1, (height // cell + 2, width // cell + 2, 3))
        total += strength * _enlarge(_enlarge(coarse, cell, height), cell, width)
    return np.clip(total, 0, 255).astype(np.int16)


def _enlarge(values, cell, size):
    """Linear interpolation along the first axis, which then becomes the second."""
    at = np.arange(size) / cell
    low = at.astype(int)
    share = (at - low)[:, None, None]
    return (values[low] * (1 - share) + values[low + 1] * share).transpose(1, 0, 2)
