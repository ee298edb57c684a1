"""The camera is bumped: the shift is found, and tracks keep their numbers."""

import numpy as np
import pytest

from patchskip.runtime.sources import open_source

cv2 = pytest.importorskip("cv2")

from patchskip.runtime import camera_shift  # noqa: E402

SIZE = (240, 320)
SMALL = -(-max(SIZE) // camera_shift.MOST)  # a pixel of the pictures that are compared, in those of the frame
CAMERA = (100, 100)  # where the picture begins in a scene that is larger


@pytest.fixture(scope="module")
def scene():
    """Frames with noise of their own: that of synthetic:// is one field, which moves."""
    rng = np.random.default_rng(0)
    clip = open_source("synthetic://?frames=6&size=520x440&noise=0&shapes=6")
    return [np.clip(frame + rng.normal(0, 3, frame.shape), 0, 255).astype(np.uint8) for frame in clip]


def seen(frame, dx=0, dy=0):
    """What the camera sees of a scene whose contents are (dx, dy) further than they were."""
    x, y = CAMERA[0] - dx, CAMERA[1] - dy
    return np.ascontiguousarray(frame[y : y + SIZE[0], x : x + SIZE[1]])


def estimate(before, after, changed=1.0):
    shift = camera_shift.CameraShift()
    assert shift(before, 1.0) is None  # the first frame
    return shift(after, changed)


@pytest.mark.parametrize("shift", [(3, 0), (0, -5), (12, 9), (-40, 25), (90, -60)])
def test_the_shift_is_found(scene, shift):
    found = estimate(seen(scene[0]), seen(scene[1], *shift))
    np.testing.assert_allclose(found, shift, atol=SMALL)


def test_a_camera_that_rests(scene):
    assert estimate(seen(scene[0]), seen(scene[5])) is None  # noise, and shapes that move
    assert estimate(seen(scene[0]), seen(scene[1], 12, 9), camera_shift.CHANGED) is None  # not asked
    darker = (seen(scene[1]) * 0.6).astype(np.uint8)
    assert estimate(seen(scene[0]), darker) is None


def test_another_scene(scene):
    other = next(iter(open_source("synthetic://?size=320x240&seed=5")))
    assert estimate(seen(scene[0]), other) is None
    assert estimate(seen(scene[0]), scene[0]) is None  # of another size
    assert estimate(np.zeros((24, 32, 3), np.uint8), np.zeros((24, 32, 3), np.uint8)) is None


def test_a_bump_after_a_long_rest(scene, monkeypatch):
    """While the camera rests a small picture is made now and then only; the bump is found all the same, and once."""
    made = []
    small = camera_shift.CameraShift._small
    monkeypatch.setattr(camera_shift.CameraShift, "_small", lambda self, frame: made.append(1) or small(self, frame))
    shift = camera_shift.CameraShift()
    for number in range(4 * camera_shift.KEPT + 5):
        assert shift(seen(scene[number % 6]), 0.05) is None
    assert len(made) == 5
    np.testing.assert_allclose(shift(seen(scene[0], 20, 10), 1.0), (20, 10), atol=SMALL)
    assert shift(seen(scene[1], 20, 10), 0.05) is None and shift(seen(scene[2], 20, 10), 1.0) is None


def test_noise_is_not_looked_into_again(scene, monkeypatch):
    """An exact gate changes all patches in every frame: a shift is looked for once, and when more changes than that."""
    asked = []
    whole = camera_shift.CameraShift._estimate
    monkeypatch.setattr(
        camera_shift.CameraShift, "_estimate", lambda self, *args: asked.append(1) or whole(self, *args)
    )
    shift = camera_shift.CameraShift()
    assert [shift(seen(frame), 1.0) for frame in scene] == [None] * 6 and len(asked) <= 2
    np.testing.assert_allclose(shift(seen(scene[0], 20, 10), 1.0), (20, 10), atol=SMALL)
    assert shift(seen(scene[1], -20, 35), 1.0) is not None  # a camera that moves on is followed


def test_a_cut_does_not_hide_a_later_bump(scene):
    shift = camera_shift.CameraShift()
    other = next(iter(open_source("synthetic://?size=320x240&seed=5")))
    for frame in (other, seen(scene[0]), seen(scene[1]), seen(scene[2])):
        assert shift(frame, 1.0) is None
    np.testing.assert_allclose(shift(seen(scene[3], 20, 10), 1.0), (20, 10), atol=SMALL)


# The whole way, with a network.


def bumped(frames, size, start, shift, at):
    """-> what a camera of `size` (height, width) at `start` sees, bumped at frame `at`."""
    for number, frame in enumerate(frames):
        x, y = start if number < at else np.subtract(start, shift)
        yield np.ascontiguousarray(frame[y : y + size[0], x : x + size[1]])


def tracks(model, frames, compensate, **options):
    from patchskip.runtime.pipeline import Pipeline

    pipeline = Pipeline(model, "track", **options)
    if not compensate:
        pipeline.task.shift = lambda dx, dy: None
    return [pipeline(frame) for frame in frames]


def numbers(found):
    return {int(row[6]) for rows in found for row in rows}


@pytest.mark.parametrize("shift", [(44, -32), (-60, 20)])
def test_tracks_are_kept(tmp_path, shift):
    pytest.importorskip("onnx")
    pytest.importorskip("scipy", reason="tracking needs SciPy: pip install 'patchskip[track]'")
    import patchskip
    from patchskip.benchmarks.demo_clip import DemoClip
    from patchskip.benchmarks.demo_network import build
    from patchskip.export import convert
    from patchskip.export.command import save

    size = (256, 320)
    save(convert(build(size), gate="exact", input="u8").model, tmp_path / "m.patchskip.onnx")
    model = patchskip.load(tmp_path / "m.patchskip.onnx", threads=1)
    scene = [frame.copy() for frame in DemoClip(24, (384, 480))]
    frames = list(bumped(scene, size, (80, 64), shift, 12))
    kept, lost = (tracks(model, frames, compensate) for compensate in (True, False))
    assert numbers(kept[10:12]) & numbers(kept[12:14]) == numbers(kept[10:12]) & numbers(kept[14:]) != set()
    assert len(numbers(kept)) < len(numbers(lost))


@pytest.mark.slow
@pytest.mark.parametrize("shift", [(20, 12), (-35, 20)])
def test_tracks_of_a_real_clip_are_kept(data, tmp_path, shift):
    pytest.importorskip("motmetrics", reason="measuring tracks needs motmetrics: pip install 'patchskip[track]'")
    import patchskip
    from patchskip.benchmarks import accuracy, tracking
    from patchskip.runtime import cli

    path = tmp_path / "nano.patchskip.onnx"
    words = ["export", data / "weights" / "yolox_nano_416.onnx", "-o", path, "--input-size", 576, 768, "--quiet"]
    assert cli.main([str(word) for word in [*words, "--gate", "delta", "--input", "u8"]]) == 0
    first, at, start, size = 260, 40, (40, 30), (300, 400)
    clip = open_source(str(data / "videos" / "pets09_s2l1_vtest_480x360.avi"))
    scene = [frame.copy() for number, frame in enumerate(clip) if first <= number < first + 80]
    truth = accuracy.GroundTruth(data / "gt" / "PETS09-S2L1.gt.txt")
    truths = []
    for number in range(80):
        corner = np.tile(start if number < at else np.subtract(start, shift), 2)
        boxes = truth.frame(first + number + 1, (480, 360)) - corner
        inside = (boxes[:, :2] > -10).all(axis=1) & (boxes[:, 2:] < np.add(size[::-1], 10)).all(axis=1)
        truths.append((truth.identities(first + number + 1)[inside], boxes[inside]))
    switches = []
    for compensate in (True, False):
        model = patchskip.load(path)
        found = tracks(model, bumped(scene, size, start, shift, at), compensate, classes=["person"])
        switches.append(tracking.measure(found, truths)["id_switches"])
    assert switches[0] <= 1 and switches[1] >= 5  # measured: 0, and 8 or 9
