"""Views and targets: boxes move with the picture, and the targets decode to the boxes they were made of."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from patchskip.runtime.tasks import centres
from patchskip.training.recipes.fairmot.labelled import LabelledClip
from patchskip.training.recipes.fairmot.targets import CELL, radius, targets
from patchskip.training.recipes.fairmot.views import View, view

BOX = (50, 30, 62, 60)


@pytest.fixture
def clip():
    """Black but for a white person."""
    frame = np.zeros((1, 96, 128, 3), np.uint8)
    frame[0, BOX[1] : BOX[3], BOX[0] : BOX[2]] = 255
    return LabelledClip(frame, [np.array([BOX], float)], [np.array([3])], 4)


@pytest.mark.parametrize("size", [(96, 128), (64, 64)])
def test_boxes_move_with_the_picture(clip, size):
    placed = set()
    for number in range(30):
        drawn = view(clip, size, (number,))
        assert drawn.image.shape == (*size, 3)
        if not len(drawn.boxes):
            continue
        (x1, y1, x2, y2), bright = drawn.boxes[0], drawn.image[..., 0] > 128
        inside = bright[max(0, round(y1)) : round(y2), max(0, round(x1)) : round(x2)]
        assert inside.mean() > 0.85 and bright.sum() < 1.15 * inside.size + 8
        placed.add(round(x1))
    assert len(placed) > (1 if size == (96, 128) else 8)


def test_a_view_is_that_of_its_key(clip):
    one, same, other = (view(clip, (64, 64), key) for key in ((1, 2), (1, 2), (1, 3)))
    assert np.array_equal(one.image, same.image) and np.array_equal(one.boxes, same.boxes)
    assert not np.array_equal(one.image, other.image)


def test_who_is_hardly_in_the_picture_is_left_out(clip):
    clip.boxes[0] = np.array([[-30.0, 10, 5, 40], BOX])
    clip.people[0] = np.array([2, 3])
    assert list(view(clip, (96, 128), (0,)).people) == [3]


def test_targets_decode_to_their_boxes():
    boxes = np.array([[10.3, 20.1, 31.0, 70.7], [60.0, 8.0, 75.9, 44.2], [-8.0, 60.0, 9.0, 88.0]])
    found = targets([View(np.zeros((96, 128, 3), np.uint8), boxes, np.array([4, 0, 1]))])
    heat = found.heat
    assert heat.shape == (1, 1, 24, 32) and (heat == 1).sum() == 3 and found.people.tolist() == [4, 0, 1]
    outputs = {"hm": torch.logit(heat, 1e-6)}
    for name, value, channels in (("wh", found.reach, 4), ("reg", found.offset, 2), ("id", torch.eye(3), 3)):
        outputs[name] = torch.zeros(1, channels, 24, 32)
        outputs[name][0, :, found.at[1], found.at[2]] = value.T
    described = [{"name": name, "shape": list(value.shape)} for name, value in outputs.items()]
    model = SimpleNamespace(inputs=[{"shape": [1, 3, 96, 128], "layout": "NCHW"}], outputs=described, path="")
    decoded, _ = centres.create(model, 0.9)({name: value.numpy() for name, value in outputs.items()})
    order = np.argsort(decoded[:, 1])
    np.testing.assert_allclose(decoded[order, :4], boxes[[1, 0, 2]], atol=1e-4)


def test_heat_falls_off_around_a_centre():
    box = np.array([[CELL * 10.5 - 30, CELL * 10.5 - 80, CELL * 10.5 + 30, CELL * 10.5 + 80]])
    heat = targets([View(np.zeros((96, 128, 3), np.uint8), box, np.array([0]))]).heat[0, 0]
    reach = radius(60 / CELL, 96 / CELL)
    assert reach == 5
    assert heat[12, 10] == 1, "the middle of the part that is seen"
    assert (heat[12, 10 : 10 + reach + 1].diff() < 0).all() and heat[12, 10 + reach + 1] == 0


def test_radius_is_that_of_the_published_code():
    assert [radius(*size) for size in ((5, 14), (20, 40), (1, 1))] == [2, 7, 0]


def test_pictures_without_anybody():
    empty = View(np.zeros((32, 32, 3), np.uint8), np.zeros((0, 4)), np.zeros(0, int))
    found = targets([empty, empty])
    assert found.heat.shape == (2, 1, 8, 8) and not found.heat.any()
    assert [tuple(v.shape) for v in (found.at, found.reach, found.offset, found.people)] == [
        (3, 0),
        (0, 4),
        (0, 2),
        (0,),
    ]
