"""Boxes from YOLOX-style heads (Ge et al., YOLOX, arXiv 2107.08430)."""

import numpy as np

from ..errors import PatchskipError
from ..model import picture_size
from . import coco
from .boxes import shared_length

STRIDES = (8, 16, 32)
NMS = 0.45  # IoU
BLOCK = 128  # boxes compared with all others at a time: bounds the memory


def fits(model):
    """Does the model have one YOLOX-style output, [1, anchors of strides 8, 16 and 32, 5 + classes]?"""
    try:
        _geometry(model)
    except PatchskipError:
        return False
    return True


def create(model, conf=0.4, nms=NMS, classes=None):
    """-> Detect. classes: names (of COCO) or numbers to keep; None keeps all."""
    name, size, count = _geometry(model)
    return Detect(name, size, count, conf, nms, _class_numbers(classes, count))


class Detect:
    """`detect(outputs, scale)` -> float32 [n, 6]: x1, y1, x2, y2 in the frame's pixels, score, class; best first. What
    is not finite is no detection.

    The output's rows are [x, y, w, h, objectness, classes...]: the centre's offset from its anchor and the logarithm of
    the size, in strides; objectness and classes after their sigmoid. The score is their product.
    """

    def __init__(self, name, size, count, conf=0.4, nms=NMS, classes=None):
        self.count = count
        self._name, self._conf, self._nms, self._classes = name, np.float32(conf), nms, classes
        anchors = []
        for stride in STRIDES:
            y, x = np.mgrid[: size[0] // stride, : size[1] // stride]
            anchors.append(np.stack([x, y, np.full_like(x, stride)], axis=-1).reshape(-1, 3))
        self._anchors = np.concatenate(anchors).astype(np.float32)

    def __call__(self, outputs, scale=(1.0, 1.0)):
        # Few calls of numpy: behind a network each of them has to be fetched into the cache first.
        rows = outputs[self._name][0]
        # No class exceeds 1, so the objectness alone rules out all but a few anchors.
        kept = (rows[:, 4] > self._conf).nonzero()[0]
        rows, anchors = rows.take(kept, axis=0), self._anchors.take(kept, axis=0)
        found = np.empty((len(rows), 6), np.float32)
        found[:, 5] = classes = rows[:, 5:].argmax(axis=1)
        best = rows.ravel().take(classes + np.arange(5, rows.size, rows.shape[1]))
        np.multiply(rows[:, 4], best, out=found[:, 4])
        good = found[:, 4] > self._conf
        if self._classes is not None:
            good &= np.isin(classes, self._classes)
        stride = anchors[:, 2:] / np.array(scale, np.float32)
        centre = (rows[:, :2] + anchors[:, :2]) * stride
        with np.errstate(over="ignore"):
            half = np.exp(rows[:, 2:4]) * (stride / 2)
        np.subtract(centre, half, out=found[:, :2])
        np.add(centre, half, out=found[:, 2:4])
        good &= np.isfinite(found).all(axis=1)
        return suppress(found[good], self._nms)


def suppress(detections, limit):
    """Non-maximum suppression within each class: of two boxes whose IoU exceeds `limit`, the better stays.

    detections float32 [n, 6] -> those that stay, best first. (OpenCV's NMSBoxes is hardly faster, and the one of
    JetPack 4.6 cuts boxes to whole pixels.)
    """
    boxes = detections[(-detections[:, 4]).argsort(kind="mergesort")]
    columns = np.ascontiguousarray(boxes.T)
    alive = np.ones(len(boxes), bool)
    for start in range(0, len(boxes), BLOCK):
        spared = _spared(columns[:, start : start + BLOCK, None], columns, limit)
        for i, row in enumerate(spared, start):
            if alive[i]:
                alive &= row  # strikes of the better ones only those that are struck
                alive[i] = True
    return boxes[alive]


def _spared(some, boxes, limit):
    """Columns of boxes [6, m, 1] and [6, n] -> bool [m, n]: are two of different classes, or is their IoU no more than
    `limit`? It is where  shared <= limit / (1 + limit) x (sum of both areas).
    """
    (left, top, right, bottom, _, kind), (x1, y1, x2, y2, _, kinds) = some, boxes
    shared = shared_length(left, right, x1, x2)
    shared *= shared_length(top, bottom, y1, y2)
    share = np.float32(limit / (1 + limit))
    spared = shared <= (right - left) * (bottom - top) * share + (x2 - x1) * (y2 - y1) * share
    spared |= kind != kinds
    return spared


def _geometry(model):
    """-> (output's name, input (H, W), number of classes). Raises PatchskipError when it is no such head."""
    size = picture_size(model.inputs[0])
    anchors = sum((size[0] // s) * (size[1] // s) for s in STRIDES) if len(size) == 2 else 0
    for output in model.outputs:
        if len(output["shape"]) == 3 and output["shape"][1] == anchors and output["shape"][2] > 5:
            return output["name"], size, output["shape"][2] - 5
    raise PatchskipError(
        "{} has no YOLOX-style output [1, {}, 5 + classes] but {}; use --task none".format(
            model.path, anchors, [output["shape"] for output in model.outputs]
        )
    )


def _class_numbers(classes, count):
    if classes is None:
        return None
    numbers = [coco.NAMES.index(c) if c in coco.NAMES else c for c in classes]
    for value in numbers:
        if not str(value).isdecimal() or int(value) >= count:
            raise PatchskipError(
                "there is no class {!r}; give names of COCO (person, car, ...) or numbers below {}".format(value, count)
            )
    return [int(value) for value in numbers]
