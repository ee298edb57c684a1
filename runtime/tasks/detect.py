"""Boxes from YOLOX-style heads (Ge et al., YOLOX, arXiv 2107.08430)."""

import numpy as np

from ..errors import PatchskipError
from ..model import picture_size
from . import coco
from .boxes import shared_and_union

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
        grids, strides = [], []
        for stride in STRIDES:
            rows, columns = size[0] // stride, size[1] // stride
            y, x = np.mgrid[:rows, :columns]
            grids.append(np.stack([x.ravel(), y.ravel()], axis=1))
            strides.append(np.full(rows * columns, stride))
        self._anchors = np.concatenate(grids).astype(np.float32)
        self._strides = np.concatenate(strides).astype(np.float32)[:, None]

    def __call__(self, outputs, scale=(1.0, 1.0)):
        rows = outputs[self._name][0]
        # No class exceeds 1, so the objectness alone rules out all but a few anchors.
        kept = np.flatnonzero(rows[:, 4] > self._conf)
        rows = rows[kept]
        classes = rows[:, 5:].argmax(axis=1)
        scores = rows[:, 4] * rows[np.arange(len(rows)), 5 + classes]
        good = scores > self._conf
        if self._classes is not None:
            good &= np.isin(classes, self._classes)
        kept, rows, classes, scores = kept[good], rows[good], classes[good], scores[good]
        strides = self._strides[kept]
        centre = (rows[:, :2] + self._anchors[kept]) * strides
        with np.errstate(over="ignore"):
            half = np.exp(rows[:, 2:4]) * (strides / 2)
        result = np.concatenate([centre - half, centre + half, scores[:, None], classes[:, None]], axis=1)
        result[:, :4] /= np.array([scale[0], scale[1]] * 2, np.float32)
        result = result.astype(np.float32)
        return suppress(result[np.isfinite(result).all(axis=1)], self._nms)


def suppress(detections, limit):
    """Non-maximum suppression within each class: of two boxes whose IoU exceeds `limit`, the better stays.

    detections float32 [n, 6] -> those that stay, best first.
    """
    boxes = detections[np.argsort(-detections[:, 4], kind="mergesort")]
    alive = np.ones(len(boxes), bool)
    for start in range(0, len(boxes), BLOCK):
        # Row i of the block: the boxes worse than box i that it removes, if it stays itself.
        removes = _same(boxes[start : start + BLOCK], boxes, limit)
        for i, row in enumerate(removes, start):
            if alive[i]:
                row[: i + 1] = False
                alive[row] = False
    return boxes[alive]


def _same(some, boxes, limit):
    """-> bool [len(some), n]: are two boxes of one class and is their IoU above `limit`?"""
    shared, union = shared_and_union(some, boxes)
    return (shared > limit * union) & (some[:, 5, None] == boxes[:, 5])


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
