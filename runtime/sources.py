"""Where frames come from: a video, a folder of images, a camera, a generated clip."""

import os
import re
from typing import Optional
from urllib.parse import parse_qsl, urlsplit

import numpy as np

from . import opencv
from .errors import PatchskipError

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".tif", ".tiff", ".webp")
CAMERA = re.compile(r"/dev/video\d+$|(csi|rtsp|rtsps|http|https|gst)://")
# A container's frame count is an estimate: only a video that ends this much before it is taken to be broken.
ENDS_EARLY = 0.97


def open_source(spec):
    """-> Source. `spec` is a video file, a folder of images (in the order of their names, 9 before 10), `synthetic://`
    (see synthetic.py), or a camera: `/dev/video0`, `csi://0`, `rtsp://...`, `gst://PIPELINE`.

    Raises PatchskipError when there is nothing to read there.
    """
    spec = os.fspath(spec)
    if spec.startswith("synthetic://"):
        from .synthetic import Synthetic

        return Synthetic(spec)
    if os.path.isdir(spec):
        return Folder(spec)
    if CAMERA.match(spec):
        from .cameras import Camera

        return Camera(spec)
    if spec.isdigit() and not os.path.exists(spec):
        raise PatchskipError(
            "the source {0} may be a CSI or a USB camera; give csi://{0} or /dev/video{0}".format(spec)
        )
    if "://" in spec:
        raise PatchskipError(
            "the source {} is of an unknown kind; give a video, a folder of images, synthetic://, csi://N, rtsp://... "
            "or gst://...".format(spec)
        )
    if not os.path.isfile(spec):
        raise PatchskipError("cannot open the source {}: there is no such file or folder; check the path".format(spec))
    if os.path.getsize(spec) == 0:
        raise PatchskipError("cannot open the source {}: the file is empty; copy it again".format(spec))
    return Video(spec)


def options(spec, defaults):
    """-> {name: text}, of what stands after `?` in the source `spec`, and `defaults`."""
    pairs = parse_qsl(urlsplit(spec).query, keep_blank_values=True)
    for key, _ in pairs:
        if key not in defaults:
            raise PatchskipError("{}: there is no option {}; use {}".format(spec, key, ", ".join(sorted(defaults))))
    return dict(defaults, **dict(pairs))


class Source:
    """Iterable of frames, uint8 BGR [H, W, 3], all of one size; each iteration starts from the beginning.

    spec    what was opened
    fps     frames a second
    size    (height, width)
    count   number of frames, or None when it is not known
    first   number of the first frame that is given, of those that are there
    live    is it a camera, which goes on until it is interrupted?
    """

    spec = ""
    fps = 10.0
    size = (0, 0)
    count: Optional[int] = None
    first = 0
    live = False

    def start_at(self, first):
        """Leave out the frames before number `first`, from 0. Raises PatchskipError when none is left."""
        whole = None if self.count is None else self.first + self.count
        if first < 0 or whole is not None and first >= whole:
            raise PatchskipError("{} cannot start at frame {}; it has {}".format(self.spec, first, whole))
        self.first = first
        self.count = None if whole is None else whole - first

    def __iter__(self):
        for i, frame in enumerate(self._frames()):
            if frame.shape != self.size + (3,):
                raise PatchskipError(
                    "{}: frame {} is {}x{}, the ones before are {}x{}; give frames of one size".format(
                        self.spec, i + 1, frame.shape[1], frame.shape[0], self.size[1], self.size[0]
                    )
                )
            if i >= self.first:
                yield frame

    def _frames(self):
        raise NotImplementedError


class Folder(Source):
    def __init__(self, spec):
        self.spec = spec
        names = [name for name in os.listdir(spec) if name.lower().endswith(IMAGES) and name[0] != "."]
        names.sort(key=_by_number)
        if not names:
            raise PatchskipError("the folder {} holds no image ({}); check the path".format(spec, " ".join(IMAGES)))
        self.paths = [os.path.join(spec, name) for name in names]
        self.count = len(names)
        self.size = self._read(self.paths[0]).shape[:2]

    def _frames(self):
        return map(self._read, self.paths)

    @staticmethod
    def _read(path):
        cv2 = opencv.load()
        try:
            data = np.fromfile(path, np.uint8)
        except OSError as error:
            raise PatchskipError("cannot read the image {}: {}".format(path, error.strerror)) from error
        frame = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        if frame is None:
            raise PatchskipError("cannot decode the image {}: it is empty or damaged; copy it again".format(path))
        return frame


def _by_number(name):
    return [int(part) if part.isdigit() else part for part in re.split("([0-9]+)", name)], name


class Video(Source):
    def __init__(self, spec):
        self.spec = spec
        capture = self._open()
        ok, frame = capture.read()
        cv2 = opencv.load()
        count, fps = capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)
        capture.release()
        if not ok:
            raise PatchskipError("cannot decode {}: it holds no frame; copy it again or convert it".format(spec))
        self.count = int(count) if 0 < count < 1e9 else None
        self.fps = fps if 0 < fps < 1000 else self.fps
        self.size = frame.shape[:2]

    def _open(self):
        capture = opencv.capture(self.spec)
        if not capture.isOpened():
            raise PatchskipError(
                "cannot decode {}: it is not a video that OpenCV reads, or is damaged; convert it to H.264".format(
                    self.spec
                )
            )
        return capture

    def _frames(self):
        capture, done = self._open(), 0
        try:
            while True:
                ok, frame = capture.read()
                if not ok:
                    break
                done += 1
                yield frame
        finally:
            capture.release()
        if self.count and done < ENDS_EARLY * (self.first + self.count):
            raise PatchskipError(
                "{}: frame {} of {} cannot be decoded; the file is truncated or damaged, copy it again".format(
                    self.spec, done + 1, self.first + self.count
                )
            )
