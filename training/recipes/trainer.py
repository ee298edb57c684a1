"""The training itself: steps of AdamW on views of a clip, each drawn from the seed and its own number alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from patchskip.export.preprocess import normalised
from patchskip.training.trainer import Diverged

from .labelled import LabelledClip
from .losses import Loss
from .targets import targets
from .views import view

WARM_UP, LAST = 0.1, 1e-3  # share of the steps in which the rate rises; what is left of it at the end
MOST_GRADIENT = 10.0  # the norm
DECAY = 1e-4
EVERY = 50  # steps between two entries of the log, and two checkpoints


@dataclass(frozen=True)
class Plan:
    """steps, of which the share `whole`, the last ones, sees whole frames; the others see `batch` parts of size `crop`
    (H, W). A step on whole frames takes as many as have a batch's pixels. rate: of AdamW, its highest."""

    steps: int
    crop: tuple[int, int]
    batch: int = 8
    whole: float = 0.25
    rate: float = 1e-3
    seed: int = 0
    bf16: bool = False


class Trainer:
    """model: FairMOT's or of its kind, with all on `device`. recipe: how a frame is normalised. log: means of the terms
    of EVERY steps."""

    def __init__(
        self, model: nn.Module, loss: Loss, clip: LabelledClip, recipe: dict, plan: Plan, device: torch.device
    ):
        self.log: list[dict[str, float]] = []
        self._model, self._loss = model.to(device), loss.to(device)
        self._clip, self._recipe, self._plan, self._device = clip, recipe, plan, device
        parameters = [*model.parameters(), *loss.parameters()]
        self._optimizer = torch.optim.AdamW(parameters, plan.rate, weight_decay=DECAY)
        self._parameters, self._done = parameters, 0

    def run(self, report: Callable[[int, dict[str, float]], None]) -> None:
        """Train to the end; after EVERY steps, and the last, call report(steps done, entry of the log).

        Raises Diverged.
        """
        self._model.train()
        seen: list[dict[str, float]] = []
        while self._done < self._plan.steps:
            seen.append(self._step(self._done))
            self._done += 1
            if self._done % EVERY == 0 or self._done == self._plan.steps:
                entry = {name: float(np.mean([terms[name] for terms in seen])) for name in seen[0]}
                self.log.append({"step": self._done, **entry})
                seen.clear()
                report(self._done, entry)
        self._model.eval()

    def state(self) -> dict:
        return {
            "network": self._model.state_dict(),
            "loss": self._loss.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "done": self._done,
            "log": self.log,
        }

    def restore(self, state: dict) -> None:
        self._model.load_state_dict(state["network"])
        self._loss.load_state_dict(state["loss"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._done, self.log = state["done"], state["log"]

    def _step(self, number: int) -> dict[str, float]:
        plan = self._plan
        views = [
            view(self._clip, size, (plan.seed, number, i))
            for size, count in [self._batch(number)]
            for i in range(count)
        ]
        images = np.concatenate([normalised(drawn.image, self._recipe) for drawn in views])
        pictures = torch.from_numpy(images).to(self._device, memory_format=torch.channels_last)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=plan.bf16):
            outputs = self._model(pictures)
        terms = self._loss(outputs, targets(views).to(self._device))
        for group in self._optimizer.param_groups:
            group["lr"] = plan.rate * one_cycle(number / plan.steps)
        self._optimizer.zero_grad()
        terms["total"].backward()
        norm = nn.utils.clip_grad_norm_(self._parameters, MOST_GRADIENT)
        found = {name: float(value.detach()) for name, value in terms.items()}
        if not all(map(math.isfinite, [float(norm), *found.values()])):
            raise Diverged(f"the loss of step {number + 1} is not a number")
        self._optimizer.step()
        return found

    def _batch(self, number: int) -> tuple[tuple[int, int], int]:
        """-> the views' height and width, how many there are."""
        plan, whole = self._plan, self._clip.frames.shape[1:3]
        if number < plan.steps * (1 - plan.whole):
            return plan.crop, plan.batch
        return whole, max(1, plan.batch * math.prod(plan.crop) // math.prod(whole))


def one_cycle(share: float) -> float:
    """The rate after a share of the steps, 1 at its highest (Smith and Topin, arXiv 1708.07120): up in a line, down in
    a cosine."""
    if share < WARM_UP:
        return LAST + (1 - LAST) * share / WARM_UP
    return LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP)))
