"""OpenCV, imported when first needed and kept quiet: what goes wrong is reported by us, in one line."""
import os

from .errors import PatchskipError


def load():
    """-> the cv2 module. Raises PatchskipError when it is not installed."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    try:
        import cv2
    except ImportError as error:
        raise PatchskipError(
            "OpenCV is needed here and cannot be imported ({}); pip install opencv-python-headless "
            "(on a Jetson, JetPack's own is used)".format(error)
        ) from error
    return cv2
