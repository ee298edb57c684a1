"""The training of the light gates: rounds of short sequences, backpropagation through a few frames at a time.

A sequence is drawn for every stream. Its first frame is computed in full; the others come three at a time, each three
a step, five steps a round: gradients go through a step's frames, the caches go on from step to step, and from round to
round of a sequence (truncated backpropagation through time), so that drift and stale caches are seen. A checkpoint is a
sequence's end: what follows depends on it, the seed and the round's number alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import contrast
from .budget import FixedPrice, TargetPrice
from .distillation import distillation
from .processes import Processes
from .revisiting import Revisiting
from .sequences import Clip, excerpt
from .skipping.exporting import set_thresholds
from .skipping.network import Frame, SkipNetwork, State

UNROLLED, STEPS = 3, 5  # frames of a step, steps of a round
FRAMES = UNROLLED * STEPS  # of a round
LENGTH = 1 + FRAMES  # frames of the shortest sequence
THRESHOLD_RATE, WEIGHT_RATE = 0.015, 0.03  # Adam's, of the gates' logarithms
WARM_UP, LAST_RATE, MOST_GRADIENT = 20, 0.05, 5.0
_UNSEEN = 1 << 20  # sequences from this number on are not trained on


def rounds_of(clips: Sequence[Clip], most: int) -> int:
    """-> rounds of a sequence: `most`, or as many as the shortest of the clips has."""
    return min([most, *((len(clip.frames) - 1) // FRAMES for clip in clips)])


class Diverged(Exception):
    """The loss is not a number any more."""


@dataclass(frozen=True)
class Plan:
    """rounds: of STEPS steps. streams: sequences at a time, of all processes. target: share of the MACs, or None:
    `weight` is their price. contrast: weight of that term; 0 leaves it out. whole: the weight of the outputs' distance
    where a frame is computed in full; weights that are free need it, as what nothing moves in is seen by nothing else.
    bf16: convolutions in bfloat16. sequence: rounds of each.
    """

    rounds: int
    streams: int
    seed: int
    target: float | None
    weight: float
    contrast: float = contrast.WEIGHT
    whole: float = 0.0
    bf16: bool = False
    sequence: int = 1


@dataclass
class Measured:
    """Means over rounds. terms: how far from the dense network. passing: gate -> share of the patches let pass."""

    active: float
    terms: dict[str, float]
    passing: dict[str, float]

    @property
    def distance(self) -> float:
        """Of the outputs: the sum of the distillation's terms."""
        return sum(value for name, value in self.terms.items() if name != "contrast")


def of_gates(network: SkipNetwork) -> list[dict]:
    """Groups of parameters, with their rates."""
    gates = [network.gate(name) for name in network.gate_names]
    return [
        {"params": [gate.log_threshold for gate in gates], "rate": THRESHOLD_RATE},
        {"params": [gate.log_weights for gate in gates], "rate": WEIGHT_RATE},
    ]


def of_layers(network: SkipNetwork, rate: float) -> list[dict]:
    """Groups of parameters, with their rates, of a network whose weights are free: each tensor moves in proportion to
    its size, as in LAMB (You et al., arXiv 1904.00962), so that a change of all of them stays small in every layer.

    rate: of Adam, a share of the weights' root mean square.
    """
    weights = network.weights().values()
    return [{"params": [weight], "rate": rate * float(weight.detach().square().mean().sqrt())} for weight in weights]


class Trainer:
    """`trainer.run(...)` trains `groups` of the network's parameters. dense: what it is to be like, computed in full;
    its own gates see nothing else.
    """

    def __init__(
        self,
        network: SkipNetwork,
        dense: SkipNetwork,
        groups: list[dict],
        clips: Sequence[Clip],
        crop: tuple[int, int],
        plan: Plan,
        processes: Processes,
    ):
        self._network, self._dense = network.to(processes.device), dense.to(processes.device)
        self._clips, self._crop = clips, crop
        self._plan, self._processes = plan, processes
        self._distillation = distillation(network.metadata)
        self._patches = {name: network.gate(name).patch for name in network.gate_names}
        self._optimizer = torch.optim.Adam(groups, lr=0.0, betas=(0.9, 0.98))
        self._parameters = [parameter for group in groups for parameter in group["params"]]
        self._rounds = 0  # done
        self._state: State = {}  # at the last round's end
        self._before: Frame | None = None  # the dense network's, of the last frame
        self._revisiting: Revisiting  # of the sequence that has begun
        self.log: list[dict] = []
        self._price = FixedPrice(plan.weight) if plan.target is None else TargetPrice(plan.target)

    def begin(self, magnitudes: bool) -> None:
        """A new training. magnitudes: thresholds are not given, but taken from the features of the first round's
        frames.
        """
        if magnitudes:
            with torch.no_grad():
                features = self._of(self._network, self._frames(0, 0)[0]).features
                means = [feature.abs().mean().view(1) for feature in features.values()]
                self._processes.average(means)
                set_thresholds(self._network, dict(zip(features, means)))

    def restore(self, state: dict) -> None:
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._rounds, self.log = state["rounds"], state["log"]
        self._price.restore(state["price"])

    def state(self) -> dict:
        return {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "rounds": self._rounds,
            "log": self.log,
            "price": self._price.state(),
        }

    def run(self, done: Callable[[int, dict], None]) -> None:
        """Train to the plan's end. done: called after each round, with its number from 1 on and its log's entry.

        Raises Diverged; what the last call of `done` saw is the last good state.
        """
        while self._rounds < self._plan.rounds:
            steps = self._round(self._rounds)
            means = {key: float(np.mean([step[key] for step in steps])) for key in steps[0]}
            self._rounds += 1
            entry = {"active": means.pop("active"), "price": self._price.weight, "terms": means}
            self.log.append(entry)
            done(self._rounds, entry)

    @property
    def price(self) -> float:
        """Of the share of the multiplications that were made at the start."""
        return self._price.weight

    @property
    def at_end(self) -> bool:
        """Has a sequence come to its end, so that `state` is all that the training goes on from?"""
        return self._rounds % self._plan.sequence == 0 or self._rounds == self._plan.rounds

    def measure(self, rounds: int) -> Measured:
        """On sequences that training does not see."""
        totals: dict[str, list[Tensor]] = {}
        with torch.no_grad():
            for number in range(rounds):
                for frame in self._begun(_UNSEEN * self._plan.sequence + number):
                    found, counts = self._seen(frame)
                    passed = {f"passed {name}": count.sum(0) for name, count in counts.items()}
                    for key, value in {**found, **passed}.items():
                        totals.setdefault(key, []).append(value)
        means = {key: torch.stack(values).mean(0) for key, values in totals.items()}
        self._processes.average(list(means.values()))
        passing = {
            name: float(means[f"passed {name}"][0] / means[f"passed {name}"][1].clamp(min=1e-9))
            for name in self._network.gate_names
        }
        terms = {key: float(value) for key, value in means.items() if not key.startswith("passed ")}
        return Measured(terms.pop("active"), terms, passing)

    def _round(self, number: int) -> list[dict[str, float]]:
        frames = self._begun(number)
        steps = []
        for step in range(STEPS):
            first, *others = frames[UNROLLED * step :][:UNROLLED]
            collected = [self._seen(first)[0]]
            whole = {"whole": self._whole(first)} if self._plan.whole else {}
            collected += [self._seen(frame)[0] for frame in others]
            means = {key: torch.stack([terms[key] for terms in collected]).mean() for key in collected[0]} | whole
            steps.append(self._step(means, STEPS * number + step))
            self._state = {name: value.detach() for name, value in self._state.items()}
        return steps

    def _begun(self, number: int) -> Tensor:
        """A round's frames, of which the first of a sequence is computed in full."""
        sequence, part = divmod(number, self._plan.sequence)
        frames = self._frames(sequence, part)
        if part:
            return frames
        with torch.no_grad():
            self._before, self._state = self._of(self._dense, frames[0]), self._of(self._network, frames[0]).state
        self._revisiting = Revisiting(self._network.metadata, frames.shape[1])
        return frames[1:]

    def _seen(self, frame: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The next frame of the streams -> its terms, the patches that passed."""
        with torch.no_grad():
            dense = self._of(self._dense, frame)
        skipped = self._of(self._network, frame, self._state, self._revisiting.forgotten())
        self._revisiting.found({name: value.detach() for name, value in skipped.outputs.items()})
        assert self._before is not None
        terms = self._terms(skipped, dense, self._before)
        self._before, self._state = dense, skipped.state
        return terms, skipped.passed

    def _whole(self, frame: Tensor) -> Tensor:
        """The outputs' distance where both networks compute all of the frame, the last that was seen."""
        assert self._before is not None
        terms = self._distillation(self._of(self._network, frame).outputs, self._before.outputs)
        return torch.stack(list(terms.values())).sum(0).mean()

    def _of(
        self, network: SkipNetwork, frame: Tensor, state: State | None = None, forgotten: Tensor | None = None
    ) -> Frame:
        if forgotten is not None:
            forgotten = forgotten.to(self._processes.device)
        with torch.autocast(self._processes.device.type, torch.bfloat16, enabled=self._plan.bf16):
            return network(frame, state or {}, forgotten=forgotten)

    def _terms(self, skipped: Frame, dense: Frame, before: Frame) -> dict[str, Tensor]:
        """-> means over this process's streams, and `active`."""
        terms = self._distillation(skipped.outputs, dense.outputs)
        if self._plan.contrast:
            terms["contrast"] = contrast.contrast(skipped.features, dense.features, before.features, self._patches)
        return {key: value.mean() for key, value in {**terms, "active": skipped.active_macs}.items()}

    def _step(self, means: dict[str, Tensor], number: int) -> dict[str, float]:
        weights = {"contrast": self._plan.contrast, "whole": self._plan.whole, "active": 0.0}
        loss = sum((weights.get(key, 1.0) * value for key, value in means.items()), self._price.loss(means["active"]))
        assert isinstance(loss, Tensor)
        self._optimizer.zero_grad(set_to_none=False)
        loss.backward()
        for parameter in self._parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        values = {key: value.detach() for key, value in means.items()}
        self._processes.average([*(p.grad for p in self._parameters if p.grad is not None), *values.values()])
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, MOST_GRADIENT)
        found = {key: float(value) for key, value in values.items()}
        if not all(map(math.isfinite, [float(norm), *found.values()])):
            raise Diverged(f"the loss of round {self._rounds + 1} is not a number")
        for group in self._optimizer.param_groups:
            group["lr"] = group["rate"] * self._rate(number)
        self._optimizer.step()
        self._price.observe(found["active"], number / (STEPS * self._plan.rounds))
        return found

    def _rate(self, step: int) -> float:
        """Warm-up, then a cosine (Loshchilov and Hutter, arXiv 1608.03983)."""
        cosine = 0.5 * (1 + math.cos(math.pi * step / (STEPS * self._plan.rounds)))
        return min(1.0, (step + 1) / WARM_UP) * (LAST_RATE + (1 - LAST_RATE) * cosine)

    def _frames(self, sequence: int, part: int) -> Tensor:
        """The frames of a sequence's round, uint8 [count, streams of this process, H, W, 3]."""
        processes, plan = self._processes, self._plan
        streams = range(processes.rank, plan.streams, processes.count)
        length, which = 1 + plan.sequence * FRAMES, slice(part and 1 + part * FRAMES, 1 + (part + 1) * FRAMES)
        drawn = [excerpt(self._clips, self._crop, length, (plan.seed, stream, sequence), which) for stream in streams]
        return torch.from_numpy(np.stack(drawn, 1)).to(processes.device)
