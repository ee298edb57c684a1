import os

import numpy as np
import pytest

import patchskip
from patchskip import PatchskipError

cv2 = pytest.importorskip("cv2")


def images(folder, sizes, first=1):
    folder.mkdir(exist_ok=True)
    for i, (height, width) in enumerate(sizes):
        cv2.imwrite(str(folder / "{:06}.png".format(first + i)), np.full((height, width, 3), 10 * i, np.uint8))
    return str(folder)


def clip(path, frames=12):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 5.0, (64, 48))
    for i in range(frames):
        writer.write(np.full((48, 64, 3), 20 * i % 256, np.uint8))
    writer.release()
    return path


def refused(spec, *words):
    with pytest.raises(PatchskipError) as error:
        for _ in patchskip.open_source(str(spec)):
            pass
    message = str(error.value)
    assert "\n" not in message and all(word in message for word in words), message


def test_a_folder_in_the_order_of_names(tmp_path):
    source = patchskip.open_source(images(tmp_path / "a", [(8, 12)] * 11))
    assert source.count == 11 and source.size == (8, 12)
    assert [int(frame[0, 0, 0]) for frame in source] == list(range(0, 110, 10))
    assert len(list(source)) == 11  # a second time


def test_numbers_are_numbers(tmp_path):
    for name in ("a10.png", "a9.png", "b1.png", "a011.png", "a9b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((4, 4, 3), np.uint8))
    names = [os.path.basename(path) for path in patchskip.open_source(str(tmp_path)).paths]
    assert names == ["a9.png", "a9b.png", "a10.png", "a011.png", "b1.png"]


def test_a_video(tmp_path):
    source = patchskip.open_source(str(clip(tmp_path / "a.avi")))
    assert (source.count, source.size, source.fps) == (12, (48, 64), 5.0)
    frames = list(source)
    assert [abs(int(f.mean()) - 20 * i) <= 2 for i, f in enumerate(frames)] == [True] * 12
    assert len(list(source)) == 12


def test_a_later_start(tmp_path):
    generated = "synthetic://?frames=12&size=32x16"
    for spec in (clip(tmp_path / "a.avi"), images(tmp_path / "a", [(8, 12)] * 12), generated):
        source = patchskip.open_source(str(spec))
        whole = list(source)
        source.start_at(2)
        source.start_at(9)  # of all frames, not of those that were left
        assert (source.count, source.first) == (3, 9)
        assert all(np.array_equal(frame, same) for frame, same in zip(source, whole[9:])) and len(list(source)) == 3
    for first in (-1, 12):
        with pytest.raises(PatchskipError, match="cannot start at frame"):
            patchskip.open_source(str(spec)).start_at(first)


def test_frames_are_not_reused(tmp_path):
    frames = list(patchskip.open_source(str(clip(tmp_path / "a.avi"))))
    assert len({frame.ctypes.data for frame in frames}) == len(frames)


def test_missing_and_empty(tmp_path):
    refused(tmp_path / "none.mp4", "none.mp4", "no such file")
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path / "empty.mp4", "empty.mp4", "file is empty")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "holds no image")
    refused("ftp://somewhere", "unknown kind")
    refused("/dev/video97", "camera")


def test_undecodable(tmp_path, capfd):
    (tmp_path / "text.mp4").write_text("this is not a video\n" * 100)
    refused(tmp_path / "text.mp4", "not a video")
    folder = images(tmp_path / "a", [(8, 12)] * 3)
    (tmp_path / "a" / "000002.png").write_bytes(b"\x89PNG")
    refused(folder, "000002.png", "cannot decode")
    assert capfd.readouterr() == ("", "")  # OpenCV and FFmpeg say nothing


def test_a_truncated_video(tmp_path, capfd):
    path = clip(tmp_path / "a.avi", 60)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "a.avi")
    path.write_bytes(whole[:300])
    refused(path, "a.avi")
    assert capfd.readouterr() == ("", "")


def test_a_frame_of_another_size(tmp_path):
    refused(images(tmp_path / "a", [(8, 12), (8, 12), (9, 12)]), "frame 3 is 12x9", "12x8")


def test_synthetic_is_the_same_every_time():
    spec = "synthetic://?frames=5&size=96x64&seed=3"
    source = patchskip.open_source(spec)
    assert (source.count, source.size) == (5, (64, 96))
    first, again, another = (
        list(source),
        list(patchskip.open_source(spec)),
        list(patchskip.open_source(spec.replace("=3", "=4"))),
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, another)


def test_synthetic_rests_but_for_the_shapes_and_the_noise():
    frames = np.stack(list(patchskip.open_source("synthetic://?frames=20&size=160x128&noise=0"))).astype(int)
    changed = (np.abs(np.diff(frames, axis=0)) > 0).any(axis=-1).mean(axis=(1, 2))
    assert (changed > 0).all() and changed.max() < 0.15
    still = np.stack(list(patchskip.open_source("synthetic://?frames=20&size=160x128&noise=2&shapes=0"))).astype(int)
    assert still.std() > 10 and 1 < (still - still.mean(axis=0)).std() < 3


@pytest.mark.parametrize("size", ["20x400", "16x640", "640x16", "16x16"])
def test_synthetic_of_any_shape(size):
    for seed in (0, 1, 2**32 - 1):
        for frame in patchskip.open_source("synthetic://?frames=40&size={}&seed={}".format(size, seed)):
            assert "{1}x{0}".format(*frame.shape) == size


REFUSED = ["size=1x1", "size=axb", "size=16x99999999", "frames=0", "frames=x", "color=red", "noise=-1"]


@pytest.mark.parametrize("query", REFUSED + ["seed=-1", "seed=4294967296", "shapes=9999999999"])
def test_synthetic_refuses(query):
    refused("synthetic://?" + query, "synthetic://")


def test_the_test_videos(data):
    source = patchskip.open_source(str(data / "videos" / "pets09_s2l1_jpg"))
    assert source.count == 120 and source.size == (576, 768)
    assert sum(1 for _ in patchskip.open_source(str(data / "videos" / "tree_320x240.mp4"))) == 68
