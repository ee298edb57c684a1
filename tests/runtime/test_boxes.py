import numpy as np
import pytest

from patchskip.runtime.tasks.boxes import overlap


def test_overlap_by_hand():
    """Of rows as detections have them, too: a score and a class behind the box."""
    others = np.array([[0, 0, 10, 10, 7, 7], [5, 0, 15, 10, 7, 7], [20, 0, 30, 10, 7, 7]])
    np.testing.assert_allclose(overlap(np.array([[0, 0, 10, 10]]), others), [[1, 1 / 3, 0]])


def test_a_box_without_area_overlaps_nothing():
    assert overlap(np.zeros((1, 4)), np.zeros((1, 4))) == 0


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_no_boxes(shape):
    assert overlap(np.zeros((shape[0], 4)), np.zeros((shape[1], 5))).shape == shape
