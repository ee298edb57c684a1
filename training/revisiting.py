"""What a stream finds is computed anew in training as it is when the model runs (runtime/refresh.py): gates are thus
not made to see what no stream would keep so long.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from patchskip.runtime import tasks
from patchskip.runtime.parts import squares
from patchskip.runtime.pipeline import LOOKS, REVISIT, SURE
from patchskip.runtime.refresh import Revisit

from .distillation import as_model


class Revisiting:
    """`forgotten()` before a frame -> bool [streams, *grid], `found(outputs)` after it.

    metadata: an exported model's. Of networks that find no boxes nothing is forgotten: None.
    """

    def __init__(self, metadata: Mapping, streams: int):
        model = as_model(metadata)
        task = tasks.guess(model)
        boxes = task in ("detect", "track") and metadata["masks"]
        self._streams = [_Stream(tasks.create(task, model), metadata) for _ in range(streams if boxes else 0)]
        self._frames = 0

    def forgotten(self) -> Tensor | None:
        if not self._streams:
            return None
        for stream in self._streams:
            stream.revisit()
        forgotten = torch.stack([stream.squares for stream in self._streams])
        for stream in self._streams:
            stream.squares.fill_(False)
        return forgotten

    def found(self, outputs: Mapping[str, Tensor]) -> None:
        """outputs: of the network that skips."""
        if not self._streams:
            return
        self._frames += 1
        arrays = {name: value.float().cpu().numpy() for name, value in outputs.items()}
        for number, stream in enumerate(self._streams):
            boxes = stream.task({name: array[number : number + 1] for name, array in arrays.items()})
            if self._frames % (REVISIT // LOOKS) == 0:
                stream.revisit.found(boxes[boxes[:, 4] >= SURE, :4].tolist())


class _Stream:
    """The Parts of one stream: `squares` says what is forgotten."""

    def __init__(self, task, metadata: Mapping):
        self.task = task
        self.grid, self.square = squares(metadata)
        self.squares = torch.zeros(self.grid, dtype=torch.bool)
        self.revisit = Revisit(self, REVISIT)

    def forget(self, rows: slice, columns: slice) -> None:
        self.squares[rows, columns] = True
