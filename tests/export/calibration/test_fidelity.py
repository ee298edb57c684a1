"""What counts as an error, without labels."""

import numpy as np
import pytest

from patchskip.export.calibration import fidelity
from patchskip.runtime.errors import PatchskipError


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 6)


def test_boxes_of_the_dense_network_are_the_truth():
    measure = fidelity.of("detect")
    dense = [measure.result(boxes([0, 0, 10, 20, 0.9, 0], [50, 50, 60, 70, 0.2, 0]), {})]
    expected = measure.expected(dense)
    assert len(expected[0]) == 1, "the other is not sure"
    assert measure.error(dense, expected) == pytest.approx(0)
    assert measure.error([measure.result(boxes(), {})], expected) == 1
    moved = [measure.result(boxes([100, 0, 110, 20, 0.9, 0]), {})]
    assert measure.error(moved, expected) == 1


def test_a_box_of_another_class_is_none():
    measure = fidelity.of("detect")
    dense = [measure.result(boxes([0, 0, 10, 20, 0.9, 3]), {})]
    other = [measure.result(boxes([0, 0, 10, 20, 0.9, 4]), {})]
    assert measure.error(other, measure.expected(dense)) == 1


def test_boxes_of_tracks_whichever_number_they_have():
    measure = fidelity.of("track")
    track = np.array([[0, 0, 10, 20, 0.9, 0, 7]], np.float32)
    expected = measure.expected([measure.result(track, {})])
    other = track + np.array([0, 0, 0, 0, 0, 0, 5], np.float32)
    assert measure.error([measure.result(other, {})], expected) == pytest.approx(0)
    assert measure.error([measure.result(track[:0], {})], expected) == 1


def test_joints_that_moved():
    measure = fidelity.of("pose")
    person = np.zeros((1, 4, 4), np.float32)
    person[0, :, :2] = [[0, 0], [0, 100], [50, 0], [50, 100]]
    person[0, :, 3] = 1
    moved = person.copy()
    moved[0, 0, 0] += 6
    assert measure.error([person, moved], measure.expected([person, person])) == pytest.approx(1 / 8)
    assert measure.error([np.zeros((0, 4, 4))], measure.expected([person])) == 1


def test_outputs_by_their_norm(rng):
    measure = fidelity.of("none")
    dense = [{"a": rng.normal(size=(1, 30000)), "b": rng.normal(size=(1, 5))} for _ in range(3)]
    expected = measure.expected([measure.result(None, frame) for frame in dense])
    found = [measure.result(None, {"a": 1.1 * frame["a"], "b": frame["b"]}) for frame in dense]
    assert measure.error(found, expected) == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize(
    "task, frame", [("detect", boxes([0, 0, 1, 1, 0.1, 0])), ("track", np.zeros((0, 7))), ("pose", np.zeros((0, 4, 4)))]
)
def test_nothing_to_be_faithful_to(task, frame):
    measure = fidelity.of(task)
    with pytest.raises(PatchskipError, match="finds n.*clip.avi.*--task none"):
        fidelity.require_something(measure, measure.expected([measure.result(frame, {})]), ["clip.avi"])
