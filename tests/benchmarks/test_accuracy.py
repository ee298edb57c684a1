import numpy as np
import pytest

from patchskip.benchmarks import accuracy
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.synthetic import Synthetic


def boxes(*rows):
    return np.array(rows, float).reshape(-1, len(rows[0]) if rows else 5)


TRUTH = boxes((0, 0, 10, 10), (20, 20, 40, 40))


def test_perfect_detections_have_ap_one():
    assert accuracy.average_precision([boxes((0, 0, 10, 10, 0.9), (20, 20, 40, 40, 0.5))], [TRUTH]) == pytest.approx(1)


def test_a_false_alarm_costs_by_where_it_stands():
    """Precision at the two hits, made monotonic: alarm first (1/2, 2/3), between (1, 2/3), last (1, 1)."""
    hits = [(0, 0, 10, 10), (20, 20, 40, 40)]
    alarm = (100, 100, 110, 110)
    for scores, expected in (((0.8, 0.7, 0.9), 2 / 3), ((0.9, 0.7, 0.8), (1 + 2 / 3) / 2), ((0.9, 0.8, 0.7), 1)):
        found = boxes(*[box + (score,) for box, score in zip([*hits, alarm], scores, strict=True)])
        assert accuracy.average_precision([found], [TRUTH]) == pytest.approx(expected)


def test_a_second_box_on_one_person_is_false():
    found = boxes((0, 0, 10, 10, 0.9), (0, 0, 10, 10, 0.8), (20, 20, 40, 40, 0.7))
    assert accuracy.average_precision([found], [TRUTH]) == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize("shift, expected", [(3.3, 1), (3.4, 0)])
def test_overlap_of_a_half_decides(shift, expected):
    """A 10-pixel box shifted by s overlaps (10 - s) / (10 + s): one half at 10 / 3."""
    found = boxes((shift, 0, 10 + shift, 10, 0.9))
    assert accuracy.average_precision([found], [boxes((0, 0, 10, 10))]) == expected


def test_scores_are_ranked_over_the_whole_clip():
    empty = np.zeros((0, 5))
    frames = [boxes((50, 50, 60, 60, 0.95)), boxes((0, 0, 10, 10, 0.6)), empty]
    truths = [np.zeros((0, 4)), boxes((0, 0, 10, 10)), boxes((0, 0, 10, 10))]
    assert accuracy.average_precision(frames, truths) == pytest.approx(0.25)  # half the people, at a precision of 1/2


def test_no_ground_truth_has_no_ap():
    assert np.isnan(accuracy.average_precision([boxes((0, 0, 1, 1, 0.5))], [np.zeros((0, 4))]))


def test_ground_truth_is_scaled_from_its_seqinfo(tmp_path):
    (tmp_path / "A.gt.txt").write_text("1,1,100,50,20,40,1,0,0,0\n1,2,5,5,5,5,0,0,0,0\n3,1,0,0,8,8,1,0,0,0\n")
    (tmp_path / "A.seqinfo.ini").write_text("[Sequence]\nimWidth=200\nimHeight=100\n")
    truth = accuracy.GroundTruth(tmp_path / "A.gt.txt")
    np.testing.assert_allclose(truth.frame(1, (100, 50)), [[50, 25, 60, 45]])  # conf 0 is left out
    assert truth.frame(2, (100, 50)).shape == (0, 4)
    (tmp_path / "A.seqinfo.ini").unlink()
    np.testing.assert_allclose(accuracy.GroundTruth(tmp_path / "A.gt.txt").frame(1, (100, 50)), [[100, 50, 120, 90]])


def test_the_challenges_own_folders(tmp_path):
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "gt.txt").write_text("1,1,100,50,20,40,1,0,0,0\n")
    (tmp_path / "seqinfo.ini").write_text("[Sequence]\nimWidth=200\nimHeight=100\n")
    assert accuracy.GroundTruth(tmp_path / "gt" / "gt.txt").image_size == (200, 100)


def test_pixels_of_other_pictures(tmp_path):
    """Half of the boxes lie outside: the size of the annotated pictures is missing."""
    (tmp_path / "A.gt.txt").write_text("1,1,10,10,20,20,1,0,0,0\n2,1,90,10,40,20,1,0,0,0\n")
    source = Synthetic("synthetic://?size=100x60&frames=3")
    with pytest.raises(PatchskipError, match="reaches to 130, 30, and the frames of .* are 100x60; put .*seqinfo.ini"):
        accuracy.require_persons(accuracy.GroundTruth(tmp_path / "A.gt.txt"), source, range(2))
    (tmp_path / "A.seqinfo.ini").write_text("[Sequence]\nimWidth=200\nimHeight=120\n")
    accuracy.require_persons(accuracy.GroundTruth(tmp_path / "A.gt.txt"), source, range(2))


def test_a_truth_of_ignored_boxes_has_no_person(tmp_path):
    (tmp_path / "A.gt.txt").write_text("1,1,10,10,20,20,0,0,0,0\n")
    with pytest.raises(PatchskipError, match="has no person"):
        accuracy.require_persons(accuracy.GroundTruth(tmp_path / "A.gt.txt"), Synthetic("synthetic://?frames=3"), [0])


@pytest.mark.parametrize("text", ["", "a,b,c\n", "1,2,3\n", "nan,1,0,0,8,8,1\n", "1,1,0,inf,8,8,1\n", None])
def test_bad_ground_truth_is_one_line(tmp_path, text):
    path = tmp_path / "bad.gt.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(PatchskipError, match="ground truth .*bad.gt.txt"):
        accuracy.GroundTruth(path)


@pytest.mark.parametrize(
    "text",
    [
        "no ini\n",
        "[Sequence]\nimWidth=8\n",
        "[Sequence]\nimWidth=8\nimHeight=x\n",
        "[Sequence]\nimWidth=0\nimHeight=8\n",
    ],
)
def test_a_bad_seqinfo_is_one_line(tmp_path, text):
    (tmp_path / "A.gt.txt").write_text("1,1,100,50,20,40,1,0,0,0\n")
    (tmp_path / "A.seqinfo.ini").write_text(text)
    with pytest.raises(PatchskipError, match="A.seqinfo.ini: ") as error:
        accuracy.GroundTruth(tmp_path / "A.gt.txt")
    assert "\n" not in str(error.value)


def test_frame_numbers():
    class Images:
        first = 0
        paths = ["/x/000007.jpg", "/x/cover.jpg", "/x/\N{SUPERSCRIPT TWO}.jpg"]

    class Video:
        first = 3

    assert accuracy.frame_number(Images, 0) == 7
    assert accuracy.frame_number(Images, 1) == 2 and accuracy.frame_number(Images, 2) == 3
    assert accuracy.frame_number(Video, 4) == 8
