"""Where results go: an annotated video, MOT text, JSON lines. Each is a context manager and is called per frame."""

import contextlib
import errno
import os
import shutil

import numpy as np

from . import opencv
from .errors import PatchskipError
from .files import atomic_path, atomic_text, is_device, json_text

CODECS = {".mp4": "mp4v", ".m4v": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
COLOURS = [(80, 220, 60), (60, 160, 255), (255, 160, 60), (220, 80, 220), (60, 230, 230), (255, 255, 90)]  # BGR
TRAIL = 30  # frames that a trail goes back
CHECK_EVERY = 50  # frames between looks at the free space: OpenCV does not report a failed write


@contextlib.contextmanager
def video(target, size, fps):
    """Yield write(frame) for uint8 BGR frames of `size` = (height, width). Extensions: see CODECS."""
    cv2 = opencv.load()
    extension = os.path.splitext(os.fspath(target))[1].lower()
    if extension not in CODECS:
        raise PatchskipError(
            "cannot write a video to {}: its name should end in one of {}".format(target, " ".join(sorted(CODECS)))
        )
    with atomic_path(target) as path:
        written = 0
        writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*CODECS[extension]), fps, (size[1], size[0]))
        try:
            if not writer.isOpened():
                raise _failure(path)

            def write(frame):
                nonlocal written
                writer.write(frame)
                written += 1
                if written % CHECK_EVERY == 0 and shutil.disk_usage(os.path.dirname(path)).free == 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

            yield write
        finally:
            writer.release()
        # Read it back: the one way to know that a video is whole (a header may promise more than there is).
        capture, found = opencv.capture(path), 0
        while found < written and capture.grab():
            found += 1
        capture.release()
        if found < written:
            raise _failure(path)


def _failure(path):
    full = shutil.disk_usage(os.path.dirname(path)).free < 1 << 16
    return (
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        if full
        else OSError(errno.EIO, "OpenCV could not write the video", path)
    )


@contextlib.contextmanager
def mot(target):
    """Yield write(frame number from 1, detections [n, 6] or tracks [n, 7]): one line
    `frame,id,left,top,width,height,conf,-1,-1,-1` for each box, as in the MOT challenge; the id of a detection is -1.
    """
    with _lines(target) as (file, done):

        def write(number, detections):
            for row in detections.tolist():
                x1, y1, x2, y2, score = row[:5]
                file.write(
                    "{},{},{:.2f},{:.2f},{:.2f},{:.2f},{:.4f},-1,-1,-1\n".format(
                        number, int(row[6]) if len(row) > 6 else -1, x1, y1, x2 - x1, y2 - y1, score
                    )
                )
            done()

        yield write


@contextlib.contextmanager
def json_lines(target):
    """Yield write(dict): one JSON object a line."""
    with _lines(target) as (file, done):

        def write(record):
            file.write(json_text(record) + "\n")
            done()

        yield write


@contextlib.contextmanager
def _lines(target):
    """Yield a text file, and what to call after each frame: who reads standard output or a pipe acts on it at once."""
    with atomic_text(target) as file:
        yield file, file.flush if target == "-" or is_device(target) else lambda: None


def shade(frame, mask, side, scale, origin=(0, 0)):
    """Darken, in place, the patches that were skipped.

    mask bool [Gh, Gw]: recomputed; side: of a patch, in pixels of the network's input; scale (x, y): input pixels for
    each of the frame's; origin (x, y): where in the frame the network's picture begins. What lies outside is dark too.
    """
    rows, columns = (
        np.floor((np.arange(n) - start) * s / side).astype(int)
        for n, start, s in zip(frame.shape[:2], origin[::-1], scale[::-1])
    )
    padded = np.pad(mask, 1, "constant")
    rows, columns = (np.clip(places, -1, limit) + 1 for places, limit in zip((rows, columns), mask.shape))
    skipped = ~padded[rows[:, None], columns]
    frame[skipped] = frame[skipped] // 5 * 2


def draw(frame, detections, names):
    """Draw the boxes of detections [n, 6] or tracks [n, 7], in place. names: number -> text."""
    cv2 = opencv.load()
    for row in detections.tolist():
        x1, y1, x2, y2, score, number = row[:6]
        colour = COLOURS[int(row[-1] if len(row) > 6 else number) % len(COLOURS)]
        corner = opencv.point(x1, y1)
        cv2.rectangle(frame, corner, opencv.point(x2, y2), colour, 2)
        identity = " {}".format(int(row[6])) if len(row) > 6 else ""
        label = "{}{} {:.2f}".format(names(int(number)), identity, score)
        cv2.putText(
            frame, label, (corner[0], max(corner[1] - 4, 10)), cv2.FONT_HERSHEY_SIMPLEX, 0.4, colour, 1, cv2.LINE_AA
        )


class Trails:
    """`trails(frame, tracks)` draws, in place, the way that the feet of each track's box came. Detections have none."""

    def __init__(self):
        self._points = {}

    def __call__(self, frame, tracks):
        cv2, points = opencv.load(), {}
        for row in tracks.tolist() if tracks.shape[1] > 6 else []:
            x1, _, x2, y2 = row[:4]
            number = int(row[6])
            way = self._points.get(number, [])[-TRAIL:] + [opencv.point((x1 + x2) / 2, y2)]
            points[number] = way
            cv2.polylines(frame, [np.array(way, np.int32)], False, COLOURS[number % len(COLOURS)], 2, cv2.LINE_AA)
        self._points = points
