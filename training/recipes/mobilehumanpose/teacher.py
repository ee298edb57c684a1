"""The network that says where the joints are: BlazePose, in ONNX Runtime."""

from __future__ import annotations

import numpy as np

from patchskip.benchmarks.dense import DenseModel
from patchskip.export.preprocess import PRESETS
from patchskip.runtime.preprocess import Preprocess
from patchskip.runtime.tasks import pose

from .body import joints


class Teacher:
    """`teacher(picture)`, uint8 BGR [H, W, 3] -> float64 [21, 3], the joints of body.py in pixels of the picture, or
    None when there is nobody. Raises PatchskipError when `path` is no landmark network.
    """

    def __init__(self, path: str, threads: int | None):
        model = DenseModel(path, threads or 0)
        self._task = pose.create(model, decoder="landmarks", moving=False)
        self._stream, (self._input,) = model.stream(), model.inputs
        self._fit = Preprocess(self._input, PRESETS["unit"])

    def __call__(self, picture: np.ndarray) -> np.ndarray | None:
        image = self._fit(self._task.crop(picture))
        people = self._task(self._stream.infer({self._input["name"]: image}, copy=False))
        return joints(people[0].astype(float)) if len(people) else None
