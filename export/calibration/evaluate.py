"""What settings of the gates cost and save: runs of the model over the clips, on a few threads."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

import patchskip
from patchskip.runtime.pipeline import Pipeline

from ..command import save
from ..gate_file import Gate
from . import fidelity
from .clips import Clip
from .settings import Gates

Measure = fidelity.Boxes | fidelity.Joints | fidelity.Outputs


class Result(NamedTuple):
    """active: mean share of the MACs, of all frames but each clip's first. error: fidelity's."""

    active: float
    error: float


class Evaluator:
    """`evaluator(list of settings)` -> list of Result. Use as a context: it has threads and a folder.

    Each thread streams the clips through a model of its own, with one thread of the native operators. The dense
    results are those of the same kernels: after reset() a frame is computed in full, whatever the thresholds are.
    done: called after each run.
    """

    def __init__(
        self, gates: Gates, clips: Sequence[Clip], measure: Measure, workers: int, done: Callable = lambda: None
    ):
        self._gates, self._clips, self._done = gates, clips, done
        self._measure = measure
        self._stop = threading.Event()
        self._known: dict[tuple, Result] = {}
        self._workers = workers
        self.runs = 0
        self.frames = sum(len(clip.frames) for clip in clips)

    def __enter__(self) -> Evaluator:
        self._folder = tempfile.TemporaryDirectory(prefix="patchskip-calibrate-")
        self._pool = ThreadPoolExecutor(self._workers)
        try:
            self._expect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def __call__(self, settings: Sequence[Mapping[str, Gate]]) -> list[Result]:
        keys = [tuple((name, gate.threshold, gate.cell) for name, gate in one.items()) for one in settings]
        missing = {key: one for key, one in zip(keys, settings) if key not in self._known}
        self._known.update(zip(missing, self._map(self._run, missing.values())))
        return [self._known[key] for key in keys]

    def _map(self, function: Callable, items) -> list:
        futures = [self._pool.submit(function, item) for item in items]
        return [future.result() for future in futures]

    def _expect(self) -> None:
        """The dense results, a clip for each thread."""
        found = self._map(lambda clip: self._stream({}, [clip], dense=True)[0], self._clips)
        self._expected = self._measure.expected([result for results in found for result in results])
        fidelity.require_something(self._measure, self._expected, [clip.spec for clip in self._clips])

    def _run(self, settings: Mapping[str, Gate]) -> Result:
        found, active = self._stream(settings, self._clips)
        self.runs += 1
        self._done()
        return Result(float(np.mean(active)), self._measure.error(found, self._expected))

    def _stream(self, settings: Mapping[str, Gate], clips: Sequence[Clip], dense: bool = False):
        model = self._load(settings)
        found, active = [], []
        for clip in clips:
            pipeline = Pipeline(model, self._measure.task, **self._measure.options)  # a tracker remembers, too
            for index, frame in enumerate(clip.frames):
                if self._stop.is_set():
                    raise KeyboardInterrupt
                if dense:
                    pipeline.stream.reset()
                boxes = pipeline(frame)
                found.append(self._measure.result(boxes, pipeline.outputs))
                if index and not dense:
                    active.append(pipeline.stream.stats["active_macs"])
        return found, active

    def _load(self, settings: Mapping[str, Gate]):
        path = os.path.join(self._folder.name, f"{threading.get_ident()}.patchskip.onnx")
        save(self._gates.model(settings), path)
        return patchskip.load(path, 1)
