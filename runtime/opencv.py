"""OpenCV, imported when first needed and kept quiet: what goes wrong is reported by us, in one line."""

import os

from .errors import PatchskipError

FAR = 1e6  # pixels: what OpenCV can draw to


def load():
    """-> the cv2 module. Raises PatchskipError when it is not installed."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        raise PatchskipError(
            "OpenCV is needed here and cannot be imported ({}); pip install opencv-python-headless "
            "(on a Jetson, JetPack's own is used)".format(error)
        ) from error
    if "OPENCV_LOG_LEVEL" not in os.environ:
        logging = getattr(getattr(cv2, "utils", None), "logging", cv2)  # it moved in OpenCV 5
        getattr(logging, "setLogLevel", int)(0)
    return cv2


def capture(path):
    """-> cv2.VideoCapture of a file: FFmpeg's where there is one, as OpenCV's other readers print what they miss."""
    cv2 = load()
    registry = getattr(cv2, "videoio_registry", None)
    ffmpeg = registry and cv2.CAP_FFMPEG in registry.getStreamBackends()
    return cv2.VideoCapture(path, cv2.CAP_FFMPEG if ffmpeg else cv2.CAP_ANY)


def point(x, y):
    """-> (x, y) as OpenCV draws it: whole pixels, however far away or undefined the place is."""
    return tuple(int(round(min(max(-FAR, float(value)), FAR))) for value in (x, y))  # NaN is -FAR


def has_gstreamer():
    return any(line.split()[:2] == ["GStreamer:", "YES"] for line in load().getBuildInformation().splitlines())
