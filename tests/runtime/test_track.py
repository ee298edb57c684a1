"""Who is who: synthetic boxes, and what networks with YOLOX's or FairMOT's outputs give."""

import sys
import types

import numpy as np
import pytest

from patchskip import PatchskipError
from patchskip.runtime import tasks
from patchskip.runtime.tasks import centres, track

pytest.importorskip("scipy", reason="tracking needs SciPy: pip install 'patchskip[track]'")

from patchskip.runtime.tasks import tracker as tracking  # noqa: E402

SIZE = (20.0, 50.0)


def boxes(*centre):
    """Boxes of persons of SIZE around centres (x, y)."""
    middle = np.array(centre, float).reshape(-1, 2)
    return np.concatenate([middle - np.divide(SIZE, 2), middle + np.divide(SIZE, 2)], axis=1)


class Scene:
    """`scene(centres...)` tracks one frame -> {id: (x, y) of its box's centre}, rounded."""

    def __init__(self, conf=0.6, start=0.7):
        self.tracker = tracking.Tracker(conf, start)

    def __call__(self, *centre, scores=None, classes=None, embeddings=None):
        count = len(centre)
        scores = np.full(count, 0.9) if scores is None else np.array(scores)
        classes = np.zeros(count) if classes is None else np.array(classes)
        embeddings = None if embeddings is None else np.array(embeddings, float).reshape(count, -1)
        return self.read(self.tracker(boxes(*centre), scores, classes, embeddings))

    def coast(self):
        return self.read(self.tracker.coast())

    def read(self, rows):
        assert rows.dtype == np.float32 and rows.shape[1] == 7
        assert sorted(set(rows[:, 6])) == list(rows[:, 6])
        middle = (rows[:, :2] + rows[:, 2:4]) / 2
        return {int(number): tuple(point) for number, point in zip(rows[:, 6], middle.round(), strict=True)}


def test_who_is_seen_twice_is_a_track():
    scene = Scene()
    assert scene((50, 50), (150, 50)) == {}
    assert scene((50, 50)) == {1: (50, 50)}  # the other was never confirmed
    assert scene((50, 50), (150, 50)) == {1: (50, 50)}
    assert scene((50, 50), (150, 50)) == {1: (50, 50), 2: (150, 50)}


def test_a_doubtful_detection_continues_a_track_and_begins_none():
    scene = Scene()
    for _ in range(3):
        seen = scene((50, 50), (150, 50), scores=[0.9, 0.65])
    assert seen == {1: (50, 50)}
    assert scene((50, 50), (150, 50), scores=[0.3, 0.3]) == {1: (50, 50)}


def test_occluded_while_walking():
    """Hidden for ten frames, met again where the motion leads."""
    scene = Scene()
    for x in range(50, 110, 3):
        scene((x, 100), (300, 100))
    for _ in range(10):
        assert list(scene((300, 100))) == [2]
    assert set(scene((110 + 10 * 3, 100), (300, 100))) == {1, 2}


def test_two_cross():
    """They pass each other at 4 pixels a frame, and for three frames the one in front hides the other."""
    scene = Scene()
    for x in range(0, 160, 4):
        hidden = abs(x - 80) < 6
        seen = scene((60 + x, 100)) if hidden else scene((60 + x, 100), (220 - x, 105))
    assert seen.keys() == {1, 2}
    assert seen[1][0] > 200 and seen[2][0] < 80


@pytest.mark.parametrize("away, number", [(tracking.BUFFER, 1), (tracking.BUFFER + 1, 2)])
def test_who_leaves_and_comes_back(away, number):
    scene = Scene()
    for _ in range(3):
        scene((50, 50))
    for _ in range(away):
        assert scene() == {}
    scene((50, 50))
    assert list(scene((50, 50))) == [number]


def test_empty_frames():
    scene = Scene()
    for _ in range(40):
        assert scene() == {}


@pytest.mark.parametrize("shift, kept", [((6, 10), True), ((0, 60), False)])
def test_the_camera_is_bumped(shift, kept):
    """The whole picture moves at once: tracks stay where boxes still overlap, and begin anew where none does."""
    people = np.array([(50, 50), (150, 60), (250, 250)])
    scene = Scene()
    for _ in range(10):
        before = scene(*people)
    for _ in range(3):
        after = scene(*(people + shift))
    assert (set(after) == set(before)) == kept and len(after) == 3


@pytest.mark.parametrize("shift", [(0, 60), (-150, 37.5)])
def test_who_knows_of_the_bump_keeps_all_tracks(shift):
    people = np.array([(50, 50), (150, 60), (250, 250)])
    scene = Scene()
    for step in range(10):
        before = scene(*(people + [2 * step, 0]))
    scene.tracker.shift(*shift)
    for step in range(10, 14):
        after = scene(*(people + [2 * step, 0] + shift))
        assert after.keys() == before.keys()


def test_frames_without_a_look_are_predicted():
    """Looked at every fourth frame, who walks at 2 pixels a frame goes on in between; who is gone goes at the next."""
    scene = Scene()
    for frame in range(0, 41, 4):
        scene((50 + 2 * frame, 100), (300, 100))
        between = [scene.coast() for _ in range(3)]
    np.testing.assert_allclose([seen[1] for seen in between], [(50 + 2 * (40 + i), 100) for i in (1, 2, 3)], atol=1)
    assert scene((300, 100)).keys() == scene.coast().keys() == {2}
    assert scene((50 + 2 * 47, 100), (300, 100)).keys() == {1, 2}


def test_a_doubtful_detection_continues_a_track_of_the_last_look():
    scene = Scene()
    for _ in range(2):
        scene((50, 50))
        scene.coast()
    assert scene((50, 50), scores=[0.3]) == {1: (50, 50)}


def test_nobody_to_predict():
    assert Scene().coast() == {}


def test_classes_are_apart():
    scene = Scene()
    for _ in range(3):
        scene((50, 50), classes=[0])
    assert scene((50, 50), classes=[2]) == {}
    assert list(scene((50, 50), classes=[2])) == [2]


def test_appearance_tells_two_apart_who_stand_together():
    """After both were hidden in one place they come out on the other side: motion alone would swap them."""
    scene, red, blue = Scene(0.4, 0.4), (1, 0, 0), (0, 1, 0)
    for _ in range(5):
        scene((50, 50), (62, 50), embeddings=[red, blue])
    scene()
    assert scene((50, 50), (62, 50), embeddings=[blue, red]) == {1: (60, 50), 2: (52, 50)}  # smoothed


def test_appearance_does_not_reach_across_the_picture():
    scene = Scene(0.4, 0.4)
    for _ in range(5):
        scene((50, 50), embeddings=[(1, 0)])
    assert scene((400, 300), embeddings=[(1, 0)]) == {}


def test_place_counts_beside_appearance():
    """Two alike, each of whom looks a little more like the other one once: by appearance alone they would swap."""
    scene, one, other = Scene(0.4, 0.4), (1, 0.3), (0.3, 1)
    for _ in range(5):
        scene((50, 50), (60, 50), embeddings=np.array([one, other]) / np.hypot(*one))
    kept = scene((50, 50), (60, 50), embeddings=np.array([(0.6, 0.75), (0.75, 0.6)]) / np.hypot(0.6, 0.75))
    assert kept == {1: (50, 50), 2: (60, 50)}


def test_same_input_same_tracks(rng):
    frames = [rng.uniform(0, 200, (rng.randint(0, 12), 2)) for _ in range(60)]
    one, other = Scene(), Scene()
    seen = [one(*frame) for frame in frames]
    assert seen == [other(*frame) for frame in frames] and any(seen)


# What networks give


def yolox(path="m.onnx"):
    output = {"name": "output", "shape": [1, 8 * 12 + 4 * 6 + 2 * 3, 7]}
    return model([output], path)


def model(outputs, path="m.onnx"):
    image = {"name": "images", "shape": [1, 64, 96, 3], "layout": "NHWC"}
    return types.SimpleNamespace(path=path, inputs=[image], outputs=outputs)


def fairmot(names=("hm", "wh", "id", "reg")):
    channels = (1, 4, 8, 2)
    return model([{"name": n, "shape": [1, c, 16, 24]} for n, c in zip(names, channels, strict=True)])


def heads(rng):
    """One person of cells (5 + .25, 7 + .5), 3 and 5 to the left and right, 4 and 8 up and down."""
    hm = rng.uniform(-9, -6, (1, 1, 16, 24)).astype(np.float32)
    maps = [rng.normal(0, 1, (1, c, 16, 24)).astype(np.float32) for c in (4, 8, 2)]
    hm[0, 0, 7, 5], hm[0, 0, 7, 6] = 3, 2
    maps[0][0, :, 7, 5], maps[2][0, :, 7, 5] = (3, 4, 5, 8), (0.25, 0.5)
    return dict(zip(("hm", "wh", "id", "reg"), [hm, *maps], strict=True))


def test_centres_are_the_formula(rng):
    outputs = heads(rng)
    found, embeddings = centres.create(fairmot())(outputs, (2.0, 0.5))
    expected = [2.25 * 4 / 2, 3.5 * 4 / 0.5, 10.25 * 4 / 2, 15.5 * 4 / 0.5, 1 / (1 + np.exp(-3)), 0]
    np.testing.assert_allclose(found, [expected], rtol=1e-6)
    raw = outputs["id"][0, :, 7, 5]
    np.testing.assert_allclose(embeddings, [raw / np.linalg.norm(raw)], rtol=1e-6)


def test_no_more_centres_than_most(rng):
    outputs = heads(rng)
    outputs["hm"] = np.zeros((1, 1, 64, 64), np.float32)  # a plain: every cell is a maximum
    big = model([{"name": n, "shape": [1, c, 64, 64]} for n, c in zip(outputs, (1, 4, 8, 2), strict=True)])
    for name, channels in (("wh", 4), ("id", 8), ("reg", 2)):
        outputs[name] = np.ones((1, channels, 64, 64), np.float32)
    assert len(centres.create(big)(outputs)[0]) == centres.MOST


def test_the_decoder_is_found_out(rng):
    assert tasks.guess(yolox()) == "detect" and tasks.guess(fairmot()) == "track"
    for names in (("hm", "wh", "id", "reg"), ("a", "b", "c", "d")):
        follow = tasks.create("track", fairmot(names))
        outputs = dict(zip(names, heads(rng).values(), strict=True))
        assert follow(outputs).shape == (0, 7)
        rows = follow(outputs)
        assert rows.shape == (1, 7) and list(rows[0, 5:]) == [0, 1]


@pytest.mark.parametrize("score, continues", [(0.3, True), (0.15, False)])
def test_a_doubtful_centre_continues_a_track_and_begins_none(rng, score, continues):
    follow, outputs = tasks.create("track", fairmot()), heads(rng)
    sure = outputs["hm"].copy()
    outputs["hm"][0, 0, 7, 5] = outputs["hm"][0, 0, 7, 6] = np.log(score / (1 - score))
    assert [len(follow(outputs)) for _ in range(3)] == [0, 0, 0]
    outputs["hm"], doubtful = sure, outputs["hm"]
    assert [len(follow(outputs)) for _ in range(3)] == [0, 1, 1]
    outputs["hm"] = doubtful
    assert len(follow(outputs)) == continues


def test_values_that_are_not_finite_are_no_boxes(rng):
    follow, outputs = tasks.create("track", fairmot()), heads(rng)
    outputs["wh"][...] = np.inf
    for _ in range(3):
        assert follow(outputs).shape == (0, 7)


def test_nothing_to_track():
    nothing = model([{"name": "heat", "shape": [1, 17, 64, 48]}])
    assert not track.fits(nothing)
    with pytest.raises(PatchskipError, match="nothing to track; use --task none"):
        tasks.create("track", nothing)
    for decoder, message in (("fairmot", "hm, wh, id and reg"), ("yolox", "YOLOX-style")):
        with pytest.raises(PatchskipError, match=message):
            tasks.create("track", nothing, decoder=decoder)
    with pytest.raises(PatchskipError, match="nothing else, not car"):
        tasks.create("track", fairmot(), classes=["car"])
    with pytest.raises(PatchskipError, match="no use for nms"):
        tasks.create("track", fairmot(), nms=0.5)


def test_without_scipy_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(PatchskipError, match="pip install scipy"):
        tasks.create("track", yolox())
