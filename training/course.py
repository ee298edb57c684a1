"""A training's course in a folder: the checkpoint that it goes on from, its log, and plots of that."""

from __future__ import annotations

import os

from patchskip.runtime.files import atomic_json, atomic_text, make_folder
from patchskip.runtime.progress import Progress

from . import checkpoint
from .plot import page
from .processes import Processes
from .trainer import Trainer


class Course:
    """`course.follow(trainer, rounds)`. name: of the stage, and of its files in `folder`.

    settings: what a checkpoint must have in common with the training that goes on from it. target: share of the MACs,
    for the plots.
    """

    def __init__(self, folder: str, name: str, settings: dict, processes: Processes, quiet: bool, target: float | None):
        self._folder, self._name, self._settings, self._target = folder, name, settings, target
        self._processes, self._quiet = processes, quiet

    def follow(self, trainer: Trainer, rounds: int, magnitudes: bool = False) -> None:
        """Train to the end, from the checkpoint if there is one; else `trainer.begin(magnitudes)`.

        Raises Diverged, and PatchskipError for a checkpoint of another training.
        """
        writes = self._processes.writes
        if writes:
            make_folder(self._folder)
        saved = checkpoint.load(self._folder, self._name, self._settings) if writes else None
        state = self._processes.from_first(saved)
        if state is None:
            trainer.begin(magnitudes)
        else:
            trainer.restore(state)
            if not self._quiet:
                print(f"{self._name}: going on after round {len(trainer.log)} of {rounds}, from {self._folder}")
        with Progress(f"train {self._name}", rounds, self._quiet) as progress:

            def done(number: int, entry: dict) -> None:
                if writes and trainer.at_end:
                    checkpoint.save(self._folder, self._name, self._settings, trainer.state())
                if writes:
                    self._write(trainer.log)
                progress.update(number, "{:.2%} active".format(entry["active"]))

            trainer.run(done)

    def _write(self, log: list[dict]) -> None:
        stem = os.path.join(self._folder, self._name)
        atomic_json(stem + ".json", log)
        with atomic_text(stem + ".html") as file:
            file.write(page(f"The training of {self._name}", log, self._target))
