import errno
import json
import os

import numpy as np
import pytest

from patchskip import PatchskipError
from patchskip.runtime import sinks
from patchskip.runtime.files import atomic_json, atomic_path, atomic_text, check_targets, make_folder


def test_the_file_appears_at_the_end(tmp_path):
    target = tmp_path / "out.json"
    target.write_text("old")
    with atomic_text(str(target)) as file:
        file.write("new")
        file.flush()
        assert target.read_text() == "old"
    assert target.read_text() == "new" and os.listdir(str(tmp_path)) == ["out.json"]


def test_the_temporary_file_has_the_extension(tmp_path):
    with atomic_path(tmp_path / "clip.mp4") as path:
        assert path.endswith(".mp4") and os.path.dirname(path) == str(tmp_path)
        open(path, "w").close()


@pytest.mark.parametrize("failure", [ValueError("bad"), KeyboardInterrupt()])
def test_nothing_is_left_after_a_failure(tmp_path, failure):
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(type(failure)):
        with atomic_text(str(target)) as file:
            file.write("half")
            raise failure
    assert target.read_text() == "old" and os.listdir(str(tmp_path)) == ["out.txt"]


def test_a_full_disk_is_one_line(tmp_path):
    with pytest.raises(PatchskipError) as error:
        with atomic_text(str(tmp_path / "out.txt")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "no space left on device" in str(error.value) and "out.txt" in str(error.value)
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_device_is_written_in_place():
    with pytest.raises(PatchskipError, match="/dev/full.*no space left"):
        with atomic_text("/dev/full") as file:
            file.write("text")
    assert not os.path.isfile("/dev/full") and os.path.exists("/dev/full")


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    os.symlink(str(tmp_path / "real" / "out.txt"), str(tmp_path / "link.txt"))
    with atomic_text(str(tmp_path / "link.txt")) as file:
        file.write("text")
    assert (tmp_path / "real" / "out.txt").read_text() == "text" and os.path.islink(str(tmp_path / "link.txt"))


def test_no_folder_and_a_folder(tmp_path):
    for target, words in ((tmp_path / "none" / "out.txt", "no folder"), (tmp_path, "is a folder")):
        with pytest.raises(PatchskipError, match=words):
            with atomic_text(str(target)):
                pass


def test_json_has_no_number_that_is_none(tmp_path):
    """Other readers refuse NaN and Infinity."""
    value = {"a": [1.5, float("nan"), {"b": (float("inf"), -float("inf"), np.float64("nan"), True, 2, None, "x")}]}
    atomic_json(str(tmp_path / "out.json"), value)
    expected = {"a": [1.5, None, {"b": [None, None, None, True, 2, None, "x"]}]}
    assert json.loads((tmp_path / "out.json").read_text()) == expected
    with sinks.json_lines(str(tmp_path / "out.json")) as write:
        write(value)
    assert json.loads((tmp_path / "out.json").read_text()) == expected


def test_targets_that_are_left_aside(tmp_path):
    check_targets([None, "-", "-", tmp_path / "new.txt"], [None, "synthetic://?frames=3", tmp_path / "none.txt"])
    check_targets([os.devnull, os.devnull], [os.devnull])
    (tmp_path / "old.txt").write_text("old")
    check_targets([tmp_path / "old.txt"], [tmp_path])
    assert os.listdir(str(tmp_path)) == ["old.txt"]


def test_targets_that_are_inputs_or_one_file(tmp_path):
    old, link, hard = (str(tmp_path / name) for name in ("old.txt", "link.txt", "hard.txt"))
    (tmp_path / "old.txt").write_text("old")
    os.symlink(old, link)
    os.link(old, hard)
    for same in (old, link, hard):
        with pytest.raises(PatchskipError, match="old.txt: it is the input .* itself; give another name"):
            check_targets([old], ["synthetic://", same])
        with pytest.raises(PatchskipError, match="two outputs have this name; give each its own"):
            check_targets([old, None, same])
    new = tmp_path / "new.txt"
    with pytest.raises(PatchskipError, match="two outputs"):
        check_targets([str(new), tmp_path / "folder" / ".." / "new.txt"])


def test_a_target_among_the_images_of_an_input(tmp_path):
    """Its name decides whether it would be read as one of them."""
    for name in ("out.mp4", "mot.txt", "out.json"):
        check_targets([tmp_path / name], [tmp_path])
    os.symlink(str(tmp_path), str(tmp_path / "link"))
    for target in (tmp_path / "000001.png", tmp_path / "link" / "NEW.JPG"):
        with pytest.raises(PatchskipError, match="it would be an image of the input .*; give another name"):
            check_targets([target], [None, tmp_path])


def test_targets_that_cannot_be_written(tmp_path, monkeypatch):
    for target, words in ((tmp_path / "none" / "out.txt", "no folder"), (tmp_path, "is a folder")):
        with pytest.raises(PatchskipError, match=words):
            check_targets([target])
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PatchskipError, match="out.txt: permission denied"):
        check_targets([tmp_path / "out.txt"])


def test_a_pipe_is_written_in_place(tmp_path):
    reading, writing = os.pipe()
    with open(reading) as pipe:
        target = "/dev/fd/{}".format(writing)
        if not os.path.exists(target):
            pytest.skip("no /dev/fd here")
        check_targets([target])
        with atomic_text(target) as file:
            file.write("text")
        os.close(writing)
        assert pipe.read() == "text"


def test_a_folder_is_made(tmp_path):
    for _ in range(2):
        make_folder(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("text")
    with pytest.raises(PatchskipError, match="cannot make the folder .*file: it is a file; give another name"):
        make_folder(str(tmp_path / "file"))
    with pytest.raises(PatchskipError, match="not a directory"):
        make_folder(str(tmp_path / "file" / "b"))
