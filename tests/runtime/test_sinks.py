import contextlib
import os
import signal
import types

import numpy as np
import pytest

from patchskip import PatchskipError
from patchskip.runtime import sinks, skeletons

cv2 = pytest.importorskip("cv2")
resource = pytest.importorskip("resource")


@contextlib.contextmanager
def little_space():
    """Files may grow to 64 KiB: a write beyond fails as on a full disk. A fixture would hold for pytest's log too."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def noise(rng, height=96, width=128):
    return rng.randint(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("extension", sorted(sinks.CODECS))
def test_a_video_can_be_read_back(tmp_path, extension):
    target = tmp_path / ("clip" + extension)
    with sinks.video(str(target), (96, 128), 7.0) as write:
        for level in (40, 80, 120, 160):
            write(np.full((96, 128, 3), level, np.uint8))
    capture = cv2.VideoCapture(str(target))
    frames = [capture.read()[1] for _ in range(4)]
    assert [abs(int(frame.mean()) - level) < 5 for frame, level in zip(frames, (40, 80, 120, 160), strict=True)]
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(7) and not capture.read()[0]
    assert os.listdir(str(tmp_path)) == [target.name]


@pytest.mark.parametrize("extension", [".mp4", ".avi", ".mkv"])
def test_a_full_disk_leaves_no_video(tmp_path, rng, capfd, extension):
    target = tmp_path / ("clip" + extension)
    with little_space(), pytest.raises(PatchskipError, match="clip.*could not write"):
        with sinks.video(str(target), (96, 128), 7.0) as write:
            for _ in range(60):
                write(noise(rng))
    assert os.listdir(str(tmp_path)) == []
    assert capfd.readouterr() == ("", "")


def test_a_full_disk_leaves_no_text(tmp_path):
    with little_space(), pytest.raises(PatchskipError, match="cannot write.*out.json"):
        with sinks.json_lines(str(tmp_path / "out.json")) as write:
            for i in range(10000):
                write({"frame": i})
    assert os.listdir(str(tmp_path)) == []


def test_a_video_of_an_unknown_kind(tmp_path):
    with pytest.raises(PatchskipError, match="clip.xyz.*mp4"):
        with sinks.video(str(tmp_path / "clip.xyz"), (96, 128), 7.0):
            pass


def test_a_video_where_none_can_be_written():
    with pytest.raises(PatchskipError, match="no folder"):
        with sinks.video("/nowhere/clip.mp4", (96, 128), 7.0):
            pass


def test_mot(tmp_path):
    target = tmp_path / "out.txt"
    with sinks.mot(str(target)) as write:
        write(3, np.array([[1, 2, 11.5, 22.25, 0.75, 0], [0, 0, 1, 1, 0.5, 2]], np.float32))
        write(4, np.zeros((0, 6), np.float32))
    assert target.read_text().splitlines() == [
        "3,-1,1.00,2.00,10.50,20.25,0.7500,-1,-1,-1",
        "3,-1,0.00,0.00,1.00,1.00,0.5000,-1,-1,-1",
    ]


def test_shading_darkens_the_skipped_patches_only():
    frame = np.full((20, 30, 3), 100, np.uint8)
    mask = np.array([[1, 0], [0, 1]], bool)
    # The network sees the frame at twice its size: patches of 32 pixels are 16 of the frame's.
    sinks.shade(frame, mask, 32, (2.0, 2.0))
    expected = np.full((20, 30), 40)
    expected[:16, :16] = expected[16:, 16:] = 100
    np.testing.assert_array_equal(frame[..., 0], expected)


def test_boxes_are_drawn():
    frame = np.zeros((100, 100, 3), np.uint8)
    sinks.draw(frame, np.array([[20.4, 30, 60, 80, 0.9, 0]], np.float32), lambda number: "person")
    assert frame[30:80, 20].any(axis=-1).all() and not frame[40:70, 30:50].any()


@pytest.mark.parametrize("far", [3e9, -1e30, np.inf, np.nan])
def test_what_lies_far_away_is_drawn_as_far_as_it_is_seen(far):
    frame = np.zeros((100, 100, 3), np.uint8)
    row = np.array([[20, 30, 60, far, 0.9, 0, 1]], np.float32)
    sinks.draw(frame, row, lambda number: "person")
    trails = sinks.Trails()
    trails(frame, row)
    assert frame[30, 21:60].any(axis=1).all()
    trails(frame, row[:, [3, 1, 2, 0, 4, 5, 6]])
    joints = np.array([[[20, 30, 0, 1], [far, far, far, 1]]], np.float32)
    skeleton = types.SimpleNamespace(joints=["left", "right"], bones=[(0, 1)])
    skeletons.draw(frame, joints, skeleton)
    with np.errstate(all="ignore"):
        skeletons.plot(joints, skeleton)


def test_trails_follow_each_track():
    frame, trails = np.zeros((100, 200, 3), np.uint8), sinks.Trails()
    for x in (20, 60, 100):
        frame[...] = 0
        trails(frame, np.array([[x - 10, 20, x + 10, 80, 0.9, 0, 7]], np.float32))
    assert frame[80, 21:99].any(axis=1).all() and not frame[:70].any()
    frame[...] = 0
    trails(frame, np.zeros((0, 7), np.float32))
    trails(frame, np.array([[10, 20, 30, 80, 0.9, 0]], np.float32))  # a detection has no past
    assert not frame.any()
