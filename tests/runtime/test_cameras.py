"""Cameras, by a capture that poses as OpenCV's."""

import threading
import time

import numpy as np
import pytest

import patchskip
from patchskip import PatchskipError
from patchskip.runtime import opencv

cv2 = pytest.importorskip("cv2")


class Capture:
    """Frame n is full of n; there are `count`, one every `period` seconds."""

    def __init__(self, count=50, period=0.002, frame_count=-1):
        self._count, self._period, self._frame_count, self._at = count, period, frame_count, 0
        self.released, self.opened = False, []

    def __call__(self, *arguments):
        self.opened.append(arguments)
        return self

    def isOpened(self):
        return self._count > 0

    def read(self):
        assert not self.released
        if self._at == self._count:
            return False, None
        time.sleep(self._period)
        self._at += 1
        return True, np.full((4, 6, 3), self._at, np.uint8)

    def get(self, name):
        return {cv2.CAP_PROP_FPS: 25.0, cv2.CAP_PROP_FRAME_COUNT: self._frame_count}[name]

    def release(self):
        self.released = True


@pytest.fixture
def camera(monkeypatch):
    """camera(spec, capture) -> the source."""

    def open(spec, capture, gstreamer=True):
        monkeypatch.setattr(cv2, "VideoCapture", capture)
        monkeypatch.setattr(opencv, "has_gstreamer", lambda: gstreamer)
        return patchskip.open_source(spec)

    return open


@pytest.mark.parametrize(
    "spec, frame_count, live",
    [
        ("rtsp://camera/1", -1, True),
        ("/dev/video0", 0, True),
        ("csi://0", 100, True),
        ("http://host/a.mp4", 100, False),
    ],
)
def test_what_is_live(camera, spec, frame_count, live):
    assert camera(spec, Capture(frame_count=frame_count)).live is live


@pytest.mark.parametrize("spec", ["rtsp://camera/1", "/dev/video0"])
def test_only_the_newest_frame_is_kept(camera, spec):
    capture, seen = Capture(), []
    for frame in camera(spec, capture):
        seen.append(int(frame[0, 0, 0]))
        time.sleep(0.02)
    assert seen[0] == 1 and seen == sorted(set(seen)) and len(seen) < 25  # most were dropped
    assert seen[-1] == 50 and capture.released


def test_a_fast_reader_gets_every_frame(camera):
    seen = [int(frame[0, 0, 0]) for frame in camera("rtsp://camera/1", Capture(20, 0.01))]
    assert seen == list(range(1, 21))


@pytest.mark.parametrize("spec", ["https://host/file.mp4", "gst://videotestsrc ! appsink"])
def test_what_is_not_live_or_drops_by_itself_is_read_in_order(camera, spec):
    capture = Capture(10, 0, 10 if spec.startswith("https") else -1)
    seen = []
    for frame in camera(spec, capture):
        seen.append(int(frame[0, 0, 0]))
        time.sleep(0.005)
    assert seen == list(range(1, 11)) and capture.released


def test_a_reader_that_leaves_ends_the_thread(camera):
    capture, before = Capture(10**6), threading.active_count()
    frames = iter(camera("rtsp://camera/1", capture))
    next(frames)
    assert threading.active_count() == before + 1
    frames.close()
    assert threading.active_count() == before and capture.released


def test_pipelines(camera):
    capture = Capture()
    camera("csi://1?flip=2&fps=60", capture)
    (pipeline, backend), *_ = capture.opened
    assert backend == cv2.CAP_GSTREAMER
    assert "sensor-id=1 " in pipeline and "flip-method=2 " in pipeline and "framerate=60/1" in pipeline
    assert "width=1280,height=720" in pipeline and pipeline.endswith("appsink drop=1 max-buffers=1 sync=0")
    camera("gst://videotestsrc ! appsink", capture)
    assert capture.opened[1] == ("videotestsrc ! appsink", cv2.CAP_GSTREAMER)
    camera("/dev/video3", capture)
    assert capture.opened[2] == (3,)


@pytest.mark.parametrize(
    "spec, words",
    [
        ("csi://0", ["csi://0", "ribbon cable", "nvargus-daemon"]),
        ("gst://nothing", ["gst-launch-1.0"]),
        ("rtsp://camera", ["connected"]),
        ("csi://front", ["csi://0?flip=2"]),
        ("csi://0?fps=fast", ["csi://0?flip=2"]),
        ("csi://0?zoom=2", ["no option zoom", "flip"]),
        ("0", ["csi://0 or /dev/video0"]),
    ],
)
def test_what_can_be_wrong(camera, spec, words):
    with pytest.raises(PatchskipError) as error:
        camera(spec, Capture(0))
    assert all(word in str(error.value) for word in words), error.value


def test_an_opencv_without_gstreamer(camera):
    with pytest.raises(PatchskipError, match="csi://0 is read with GStreamer.*pip3 uninstall opencv-python"):
        camera("csi://0", Capture(), gstreamer=False)


def test_this_opencv():
    assert opencv.has_gstreamer() in (True, False)
