"""Live sources: cameras on a Jetson's CSI port, on USB, on the network, and any GStreamer pipeline."""

import threading
from urllib.parse import urlsplit

from . import opencv
from .errors import PatchskipError
from .sources import Source, options

CSI_OPTIONS = {"width": "1280", "height": "720", "fps": "30", "flip": "0"}
CSI = (
    "nvarguscamerasrc sensor-id={sensor} ! "
    "video/x-raw(memory:NVMM),width={width},height={height},framerate={fps}/1 ! nvvidconv flip-method={flip} ! "
    "video/x-raw,format=BGRx ! videoconvert ! video/x-raw,format=BGR ! appsink drop=1 max-buffers=1 sync=0"
)
WAIT_S = 2
MENDS = {
    "csi": "check the ribbon cable and `sudo systemctl restart nvargus-daemon`",
    "gst": "try the pipeline with `gst-launch-1.0 -v`",
    "": "check that it is connected and not in use",
}


class Camera(Source):
    """A live source: it is opened once and has no beginning to return to.

    `csi://0?width=1280&height=720&fps=30&flip=0` (flip: nvvidconv's, 2 turns the picture upside down), `/dev/video0`,
    `rtsp://...`, `http://...`, or `gst://PIPELINE`, which ends in `appsink`.
    """

    def __init__(self, spec):
        self.spec = spec
        kind = spec.partition("://")[0] if "://" in spec else ""
        self._capture = _open(spec, kind)
        first = self._capture.read()[1] if self._capture.isOpened() else None
        if first is None:
            mend = MENDS.get(kind, MENDS[""])
            raise PatchskipError("the camera {} gives no frame; {}".format(spec, mend))
        self._first, self.size = first, first.shape[:2]
        cv2 = opencv.load()
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps < 1000 else self.fps
        # Pipelines drop what comes too fast by themselves, and a file on the network is not live.
        pipeline, file = kind in ("csi", "gst"), self._capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
        self.live, self._drops = pipeline or not file, pipeline or file

    def _frames(self):
        if not self._drops:
            return Newest(self._capture, self._first).frames()
        return self._all()

    def _all(self):
        try:
            frame = self._first
            while frame is not None:
                yield frame
                frame = self._capture.read()[1]
        finally:
            self._capture.release()


class Newest(object):
    """Reads a camera in a thread of its own and keeps the newest frame. What arrives while a frame is being computed is
    dropped: it would wait in buffers, and the picture would fall behind by more and more.
    """

    def __init__(self, capture, first):
        self._capture, self._frame = capture, first
        self._ended = self._stopped = False
        self._changed = threading.Condition()

    def frames(self):
        thread = threading.Thread(target=self._read, daemon=True)
        thread.start()
        try:
            while True:
                with self._changed:
                    while self._frame is None and not self._ended:
                        self._changed.wait()
                    frame, self._frame = self._frame, None
                if frame is None:
                    return
                yield frame
        finally:
            self._stopped = True
            thread.join(WAIT_S)
            if not thread.is_alive():  # a silent network camera is read for half a minute
                self._capture.release()

    def _read(self):
        while not self._stopped:
            frame = self._capture.read()[1]
            with self._changed:
                if frame is None:
                    self._ended = True
                else:
                    self._frame = frame
                self._changed.notify()
            if frame is None:
                return


def _open(spec, kind):
    cv2 = opencv.load()
    if kind not in ("csi", "gst"):
        return cv2.VideoCapture(int(spec[len("/dev/video") :]) if not kind else spec)
    if not opencv.has_gstreamer():
        raise PatchskipError(
            "the camera {} is read with GStreamer, and this OpenCV ({}) has none; on a Jetson `pip3 uninstall "
            "opencv-python opencv-python-headless` uncovers JetPack's, which has".format(spec, cv2.__file__)
        )
    return cv2.VideoCapture(_pipeline(spec) if kind == "csi" else spec[len("gst://") :], cv2.CAP_GSTREAMER)


def _pipeline(spec):
    given, sensor = options(spec, CSI_OPTIONS), urlsplit(spec).netloc or "0"
    if not sensor.isdigit() or not all(value.isdigit() for value in given.values()):
        raise PatchskipError("{}: the camera and its options are numbers; give e.g. csi://0?flip=2".format(spec))
    return CSI.format(sensor=sensor, **given)
