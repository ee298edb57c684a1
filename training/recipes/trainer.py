"""The training itself: steps of AdamW on batches, each of which depends on its own number alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from patchskip.training.trainer import Diverged

WARM_UP, LAST = 0.1, 1e-3  # share of the steps in which the rate rises; what is left of it at the end
MOST_GRADIENT = 10.0  # the norm
DECAY = 1e-4
EVERY = 50  # steps between two entries of the log, and two checkpoints


@dataclass(frozen=True)
class Plan:
    """rate: of AdamW, its highest. bf16: convolutions in bfloat16."""

    steps: int
    rate: float = 1e-3
    bf16: bool = False


class Trainer:
    """model: its parameters are trained, and those of `loss`, which gives `loss(outputs, targets)` -> scalars by name,
    of which "total" is minimised. batch: step -> (float32 [N, 3, H, W], targets that have `to(device)`). log: means of
    the scalars of EVERY steps.
    """

    def __init__(
        self, model: nn.Module, loss: nn.Module, batch: Callable[[int], tuple], plan: Plan, device: torch.device
    ):
        self.log: list[dict[str, float]] = []
        self._model, self._loss = model.to(device), loss.to(device)
        nn.utils.convert_conv2d_weight_memory_format(model, torch.channels_last)
        self._batch, self._plan, self._device = batch, plan, device
        self._parameters = [*model.parameters(), *loss.parameters()]
        self._optimizer = torch.optim.AdamW(self._parameters, plan.rate, weight_decay=DECAY)
        self._done = 0

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
        pictures, targets = self._batch(number)
        pictures = pictures.to(self._device, memory_format=torch.channels_last)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._plan.bf16):
            outputs = self._model(pictures)
        terms = self._loss(outputs, targets.to(self._device))
        for group in self._optimizer.param_groups:
            group["lr"] = self._plan.rate * one_cycle(number / self._plan.steps)
        self._optimizer.zero_grad()
        terms["total"].backward()
        norm = nn.utils.clip_grad_norm_(self._parameters, MOST_GRADIENT)
        found = {name: float(value.detach()) for name, value in terms.items()}
        if not all(map(math.isfinite, [float(norm), *found.values()])):
            raise Diverged(f"the loss of step {number + 1} is not a number")
        self._optimizer.step()
        return found


def one_cycle(share: float) -> float:
    """The rate after a share of the steps, 1 at its highest (Smith and Topin, arXiv 1708.07120): up in a line, down in
    a cosine."""
    if share < WARM_UP:
        return LAST + (1 - LAST) * share / WARM_UP
    return LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP)))
