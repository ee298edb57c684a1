"""How far a patch-skipping network's results are from the dense network's, without labels: 0 is the same, 1 is lost.

detect  1 - AP50 of the boxes, measured against the dense network's of a score above SURE as if they were the truth;
        boxes of different classes never match. Of yolox_nano on PETS09 this ranks settings of gates as the AP50 against
        ground truth does (Spearman .88), better than sums of box or score differences.
track   the same of the boxes that are tracked; which number a track has plays no part
pose    share of the dense network's joints that are not found, or further off than joints.SHARE of the person's box
none    |difference| / |dense output| in the Euclidean norm over the clips, the mean over the outputs; of large outputs,
        of SAMPLES values of each
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from patchskip.benchmarks import accuracy, joints
from patchskip.runtime.errors import PatchskipError

SURE = 0.3
SAMPLES = 8192
_CLASSES_APART = 1e6  # pixels: no two boxes of different classes overlap


class Boxes:
    task = "detect"

    def __init__(self, classes: Sequence[str] | None = None):
        self.options = {"conf": accuracy.CONFIDENCE, "nms": accuracy.NMS, "classes": classes}

    nothing = f"the dense network finds nothing of a score above {SURE}"

    def result(self, found: np.ndarray, outputs) -> np.ndarray:
        """One frame's boxes [n, 5], apart by class."""
        return np.concatenate([found[:, :4] + _CLASSES_APART * found[:, 5:6], found[:, 4:5]], axis=1).astype(float)

    def expected(self, results: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [boxes[boxes[:, 4] > SURE, :4] for boxes in results]

    def empty(self, expected) -> bool:
        return not any(map(len, expected))

    def error(self, found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
        return 1 - accuracy.average_precision(found, expected)


class Tracks(Boxes):
    task = "track"
    nothing = "the dense network finds nothing to track"

    def __init__(self) -> None:
        self.options = {}


class Joints:
    task = "pose"
    options = {"moving": False}
    nothing = "the dense network finds no person"

    def result(self, found: np.ndarray, outputs) -> np.ndarray:
        return found

    def expected(self, results):
        return list(results)

    def empty(self, expected) -> bool:
        return joints.share_within(expected, expected) is None

    def error(self, found, expected) -> float:
        share = joints.share_within(found, expected)
        return 1.0 if share is None else 1 - share


class Outputs:
    task = "none"
    options: dict = {}
    nothing = "the dense network's outputs are all zero"

    def __init__(self) -> None:
        self._places: dict[str, np.ndarray] = {}

    def result(self, found, outputs) -> list[np.ndarray]:
        """One frame's values, of each output."""
        return [
            np.asarray(value, np.float32).ravel()[self._sample(name, value.size)] for name, value in outputs.items()
        ]

    def expected(self, results):
        return list(results)

    def empty(self, expected) -> bool:
        return not all(any(frame[i].any() for frame in expected) for i in range(len(expected[0])))

    def error(self, found, expected) -> float:
        errors = []
        for ours, theirs in zip(zip(*found), zip(*expected)):
            difference = sum(float(np.square(a - b, dtype=np.float64).sum()) for a, b in zip(ours, theirs))
            errors.append(np.sqrt(difference / sum(float(np.square(b, dtype=np.float64).sum()) for b in theirs)))
        return float(np.mean(errors))

    def _sample(self, name: str, size: int):
        if size <= SAMPLES:
            return slice(None)
        if name not in self._places:
            self._places[name] = np.sort(np.random.default_rng(0).choice(size, SAMPLES, replace=False))
        return self._places[name]


def of(task: str, classes: Sequence[str] | None = None) -> Boxes | Joints | Outputs:
    """What measures the results of `task`; of tasks that have no measure of their own, the outputs.

    classes: of boxes, those that count: names of COCO or numbers.
    """
    if task == "detect":
        return Boxes(classes)
    if task == "track":
        return Tracks()
    return Joints() if task == "pose" else Outputs()


def require_something(fidelity, expected, specs: Sequence[str]) -> None:
    """Raise PatchskipError when there is nothing to be faithful to."""
    if fidelity.empty(expected):
        raise PatchskipError(
            f"{fidelity.nothing} in {', '.join(specs)}; give clips that show what it looks for, or --task none"
        )
