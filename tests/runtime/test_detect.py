import types

import numpy as np
import pytest

from patchskip import PatchskipError
from patchskip.runtime import tasks
from patchskip.runtime.tasks import coco, detect
from patchskip.runtime.tasks.boxes import overlap

SIZE = (64, 96)
ANCHORS = [(s, x, y) for s in (8, 16, 32) for y in range(SIZE[0] // s) for x in range(SIZE[1] // s)]


def model(classes=3, shape=None, inputs=(1, 64, 96, 3), layout="NHWC"):
    return types.SimpleNamespace(
        path="m.onnx",
        inputs=[{"name": "images", "shape": list(inputs), "layout": layout}],
        outputs=[{"name": "output", "shape": shape or [1, len(ANCHORS), 5 + classes]}],
    )


def reference(rows, conf, scale):
    """Every anchor by itself, as YOLOX's demo does it; no suppression."""
    found = []
    for (stride, x, y), row in zip(ANCHORS, rows.astype(np.float64), strict=True):
        scores = row[4] * row[5:]
        if scores.max() > conf:
            cx, cy = (row[0] + x) * stride, (row[1] + y) * stride
            w, h = np.exp(row[2]) * stride, np.exp(row[3]) * stride
            box = np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]) / (scale + scale)
            found.append([*box, scores.max(), scores.argmax()])
    return np.array(sorted(found, key=lambda row: -row[4])).reshape(-1, 6)


def head(rng, classes=3):
    rows = rng.normal(0, 0.5, (1, len(ANCHORS), 5 + classes)).astype(np.float32)
    rows[..., 4:] = rng.uniform(0, 1, rows[..., 4:].shape)
    return rows


@pytest.mark.parametrize("conf", [0.0, 0.3, 0.6, 0.99])
@pytest.mark.parametrize("scale", [(1.0, 1.0), (1.6, 0.5)])
def test_decode_is_the_formula(rng, conf, scale):
    rows = head(rng)
    found = tasks.create("detect", model(), conf=conf, nms=1.0)({"output": rows}, scale)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference(rows[0], conf, scale), rtol=1e-4, atol=1e-3)


def test_nothing_found(rng):
    assert tasks.create("detect", model())({"output": 0 * head(rng)}).shape == (0, 6)


@pytest.mark.parametrize("far", [200, np.inf, np.nan])
def test_a_box_without_bounds_is_none(rng, far):
    """exp(200) is more than a float32 holds."""
    rows = head(rng)
    whole = tasks.create("detect", model(), conf=0.3, nms=1.0)({"output": rows})
    rows[0, :, 2] = np.where(np.arange(len(ANCHORS)) % 2, far, rows[0, :, 2])
    found = tasks.create("detect", model(), conf=0.3, nms=1.0)({"output": rows})
    assert np.isfinite(found).all() and 0 < len(found) < len(whole)


def test_classes(rng):
    rows = head(rng)
    everything = tasks.create("detect", model(), conf=0.3, nms=1.0)({"output": rows})
    some = tasks.create("detect", model(), conf=0.3, nms=1.0, classes=["bicycle", "2"])({"output": rows})
    np.testing.assert_array_equal(some, everything[np.isin(everything[:, 5], [1, 2])])
    assert 0 < len(some) < len(everything)
    for wrong in ("unicorn", "3", "car ", "\N{SUPERSCRIPT TWO}"):
        with pytest.raises(PatchskipError, match="no class"):
            tasks.create("detect", model(), classes=[wrong])


def test_suppression_by_hand():
    boxes = np.array(
        [
            [0, 0, 10, 10, 0.5, 0],
            [0, 0, 10, 9, 0.9, 0],  # IoU .9 with the first
            [0, 0, 10, 10, 0.8, 1],  # another class
            [0, 5, 10, 15, 0.4, 0],  # IoU 4/15 with the second
            [50, 50, 60, 60, 0.3, 0],
        ],
        np.float32,
    )
    np.testing.assert_array_equal(detect.suppress(boxes, 0.45), boxes[[1, 2, 3, 4]])
    np.testing.assert_array_equal(detect.suppress(boxes, 0.2), boxes[[1, 2, 4]])
    np.testing.assert_array_equal(detect.suppress(boxes[:2], 0.45), boxes[1:2])


def greedy(boxes, limit):
    """Best first; what lies over a better one of its class goes."""
    kept = []
    for box in sorted(boxes.astype(np.float64), key=lambda box: -box[4]):
        rivals = [other for other in kept if other[5] == box[5]]
        if not rivals or overlap(box[None], np.array(rivals)).max() <= limit:
            kept.append(box)
    return np.array(kept, np.float32)


@pytest.mark.parametrize("classes", [1, 3, 9])
def test_suppression_is_greedy_within_each_class(rng, classes):
    corners = rng.uniform(-40, 80, (200, 2))
    columns = [corners, corners + rng.uniform(10, 60, (200, 2)), rng.uniform(0.1, 1, (200, 1))]
    boxes = np.concatenate([*columns, rng.randint(classes, size=(200, 1))], axis=1).astype(np.float32)
    found = detect.suppress(boxes, 0.5)
    np.testing.assert_array_equal(found, greedy(boxes, 0.5))
    assert len(found) < len(boxes)


def test_suppression_as_opencv(rng):
    cv2 = pytest.importorskip("cv2")
    corners = rng.uniform(0, 80, (60, 2))
    boxes = np.concatenate(
        [corners, corners + rng.uniform(10, 60, (60, 2)), rng.uniform(0.1, 1, (60, 1)), np.zeros((60, 1))], axis=1
    ).astype(np.float32)
    sized = np.concatenate([boxes[:, :2], boxes[:, 2:4] - boxes[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxes(sized.tolist(), boxes[:, 4].tolist(), 0.0, 0.5)
    np.testing.assert_array_equal(detect.suppress(boxes, 0.5), boxes[np.array(kept).ravel()])


def test_which_models_fit():
    assert tasks.guess(model()) == "detect"
    assert tasks.guess(model(inputs=(1, 3, 64, 96), layout="NCHW")) == "detect"
    assert tasks.guess(model(shape=[1, 17, 64, 48])) == "none"
    assert tasks.guess(model(shape=[1, 125, 85])) == "none"
    assert tasks.create("none", model()) is None
    with pytest.raises(PatchskipError, match="--task none"):
        tasks.create("detect", model(shape=[1, 195]))


def test_names():
    assert len(coco.NAMES) == 80 and coco.NAMES[0] == "person" and coco.NAMES[79] == "toothbrush"
    assert coco.name(2, 80) == "car" and coco.name(2, 3) == "2"
