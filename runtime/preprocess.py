"""A frame becomes a network's input, in memory that is allocated once."""

import numpy as np

from . import opencv
from .errors import PatchskipError
from .memory import aligned
from .model import frame_size, picture_size

DEFAULTS = {"channels": "BGR", "mean": [0, 0, 0], "std": [1, 1, 1], "fit": "letterbox", "pad": 114}


class Preprocess:
    """`preprocess(frame)` -> the input's array, the same memory on every call.

    frame   uint8 BGR [H, W, 3]
    entry   the model's input {"name", "shape", "dtype", "layout"}: uint8 NHWC takes the frame itself (an exported
            model normalises where it must); float32 NCHW or NHWC takes (value - mean) / std of 0..255 grey levels
    options the metadata's "preprocess". `letterbox` keeps the aspect ratio, the frame lies top left and `pad` fills
            the rest; `stretch` fills the input.
    allocate  (shape, dtype) -> the memory of that array: a Stream's `allocate`
    scale   (x, y) after a call: pixels of the network's picture for each of the frame's; boxes are divided by it
    """

    def __init__(self, entry, options=None, allocate=aligned):
        self._cv2 = opencv.load()
        self._options = dict(DEFAULTS, **(options or {}))
        shape, self._planar = entry["shape"], entry.get("layout", "NHWC") == "NCHW"
        channels = shape[1 if self._planar else 3] if len(shape) == 4 else 0
        if channels != 3 or shape[0] != 1 or entry["dtype"] not in ("uint8", "float32"):
            raise PatchskipError(
                "frames cannot be fed to the input {} ({} {}); it should be uint8 or float32 with 3 channels".format(
                    entry["name"], entry["dtype"], shape
                )
            )
        self.size = frame_size(entry)
        self._resized = [own / given for own, given in zip(picture_size(entry), self.size)]
        whole = entry["dtype"] == "uint8"
        self._image = (allocate if whole else aligned)((1,) + self.size + (3,), np.uint8)
        self._result = self._image if whole else allocate(shape, np.float32)
        if self._planar and entry["dtype"] == "uint8":
            raise PatchskipError("the input {} is uint8 NCHW; export with --input u8, it is NHWC".format(entry["name"]))
        self._planes = [np.empty(self.size, np.uint8) for _ in range(3)] if self._planar else []
        self._tables = _tables(self._options)
        self._order = [2, 1, 0] if self._options["channels"] == "RGB" else [0, 1, 2]
        self._frame_shape = None
        self.scale = (1.0, 1.0)

    def __call__(self, frame):
        if frame.shape != self._frame_shape:
            self._fit(frame)
        if frame.shape == self._inside.shape:
            np.copyto(self._inside, frame)
        else:
            self._cv2.resize(frame, self._inside.shape[1::-1], dst=self._inside, interpolation=self._cv2.INTER_LINEAR)
        if self._result is not self._image:
            self._normalise()
        return self._result

    def _fit(self, frame):
        """Where a frame of this size lies in the input; the rest is painted once."""
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or 0 in frame.shape:
            raise PatchskipError(
                "the frame is {} {}; give uint8 [height, width, 3] (BGR)".format(frame.dtype, list(frame.shape))
            )
        (height, width), (rows, columns) = frame.shape[:2], self.size
        if self._options["fit"] == "letterbox":
            ratio = min(rows / height, columns / width)
            rows, columns = max(1, int(height * ratio)), max(1, int(width * ratio))
            fit = ratio, ratio
        else:
            fit = columns / width, rows / height
        self.scale = fit[0] * self._resized[1], fit[1] * self._resized[0]
        self._image.fill(self._options["pad"])
        self._inside = self._image[0, :rows, :columns]
        self._frame_shape = frame.shape

    def _normalise(self):
        if self._planar:
            self._cv2.split(self._image[0], self._planes)
            planes, targets = self._planes, self._result[0]
        else:
            planes, targets = np.moveaxis(self._image[0], 2, 0), np.moveaxis(self._result[0], 2, 0)
        for target, source, table in zip(targets, self._order, self._tables):
            if table is None:
                np.copyto(target, planes[source])
            elif self._planar:
                self._cv2.LUT(planes[source], table, target)
            else:
                target[...] = table[planes[source]]


def _tables(options):
    """-> for each channel (value - mean) / std of the 256 grey levels, or None where that is the value itself."""
    tables = []
    for mean, std in zip(options["mean"], options["std"]):
        same = mean == 0 and std == 1
        tables.append(None if same else ((np.arange(256) - mean) / std).astype(np.float32))
    return tables
