import numpy as np
import pytest

from patchskip import PatchskipError
from patchskip.runtime.tasks.crop import LARGEST, PAD, REMEMBERED, Crop

FRAME = np.arange(200 * 300 * 3).reshape(200, 300, 3).astype(np.uint8)


def body(x, y, width=30, height=60):
    return np.array([[x, y], [x + width, y + height]], float)


def looked(crop, points, times=REMEMBERED):
    for _ in range(times):
        crop(FRAME)
        crop.follow(points)
    crop(FRAME)
    return crop


def test_the_whole_frame_grows_to_the_networks_shape():
    crop = Crop((64, 64))
    picture = crop(FRAME)
    assert crop.box == [0, -50, 300, 300] and picture.shape == (300, 300, 3)
    np.testing.assert_array_equal(picture[50:250], FRAME)
    assert (picture[:50] == PAD).all() and (picture[250:] == PAD).all()
    assert crop(FRAME) is picture  # the same memory
    assert crop(FRAME[:, :100]).shape == (200, 200, 3) and crop.box == [-50, 0, 200, 200]


def test_a_region_is_a_view_that_lies_in_the_frame():
    crop = Crop((64, 48), (260, 20, 30, 80))
    picture = crop(FRAME)
    assert crop.box == [240, 20, 60, 80] and np.shares_memory(picture, FRAME)
    np.testing.assert_array_equal(picture, FRAME[20:100, 240:])


def test_a_region_is_not_much_larger_than_the_frame():
    assert Crop((64, 64), (0, 0, LARGEST * 300, 20))(FRAME).shape == (LARGEST * 300, LARGEST * 300, 3)
    with pytest.raises(PatchskipError, match="the crop 0,0,9999999999,9999999999 is more than 4 times"):
        Crop((64, 64), (0, 0, 9999999999, 9999999999))(FRAME)


def test_joints_that_are_nowhere_do_not_take_it_along():
    crop = looked(Crop((64, 64), (100, 50, 100, 100)), body(-1e30, -1e9, 2e30, 1e12))
    assert crop.moves == 1 and max(crop.box) < 10 * max(FRAME.shape)


def test_it_stays_while_the_person_stays_inside():
    crop = Crop((64, 64), (100, 50, 100, 100))
    for step in range(40):
        looked(crop, body(110 + step, 70), 1)
    assert crop.box == [100, 50, 100, 100] and crop.moves == 0


def test_it_moves_once_and_has_room_then():
    crop = Crop((64, 64), (100, 50, 100, 100))
    for step in range(60):
        looked(crop, body(130 + step, 70), 1)
    assert crop.moves == 1 and crop.box[2:] == [100, 100]
    assert crop.box[0] < 189 and crop.box[0] + 100 > 219
    box = list(crop.box)
    for step in range(20):  # back and forth near where it moved: hysteresis
        looked(crop, body(189 + 5 * (-1) ** step, 70), 1)
    assert crop.box == box


def test_one_joint_that_jumps_moves_nothing():
    crop = Crop((64, 64), (100, 50, 100, 100))
    for step in range(30):
        looked(crop, body(130, 70, 69 if step % REMEMBERED == 0 else 30), 1)
    assert crop.moves == 0


def test_it_grows_and_does_not_shrink():
    crop = looked(Crop((64, 64), (100, 50, 80, 80)), body(95, 60, 90, 60))
    assert crop.box[2:] == [135, 135] and crop.moves == 1
    looked(crop, body(crop.box[0] + 1, 80, 10, 10))
    assert crop.box[2:] == [135, 135] and crop.moves == 2


def test_the_frames_own_border_is_none_to_follow():
    crop = looked(Crop((64, 64), (0, 0, 100, 100)), body(1, 1))
    assert crop.moves == 0
    assert looked(Crop((64, 64)), body(1, 1, 290, 190)).moves == 0


def test_without_a_person_or_leave_to_move_it_stays():
    crop = looked(Crop((64, 64), (100, 50, 100, 100)), np.zeros((0, 2)))
    assert crop.moves == 0
    assert looked(Crop((64, 64), (100, 50, 100, 100), moving=False), body(90, 70)).moves == 0


def test_a_bump_takes_it_along_at_once():
    crop = looked(Crop((64, 64), (100, 50, 100, 100)), body(135, 70))
    crop.shift(-20.4, 11.0)
    crop.follow(body(115, 81))  # of the frame that showed the bump, still in the old place
    crop(FRAME)
    assert crop.box == [80, 61, 100, 100] and crop.moves == 1
    assert looked(crop, body(115, 81)).moves == 1


def test_a_small_bump_leaves_it_there():
    """The person is still well inside, and a crop that moves is new in every pixel once more."""
    crop = looked(Crop((64, 64), (100, 50, 100, 100)), body(135, 70))
    crop.shift(4, -4)
    assert looked(crop, body(139, 66)).moves == 0
    staying = looked(Crop((64, 64), (100, 50, 100, 100), moving=False), body(135, 70))
    staying.shift(40, 0)
    staying(FRAME)
    assert staying.box == [100, 50, 100, 100]
