"""Stage 1 of PASS's training: gates learn, the network is frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from patchskip.export.analysis import Analysis
from patchskip.export.pass_gates import Form, TrainedGate
from patchskip.export.preprocess import normalised
from patchskip.runtime.errors import PatchskipError
from patchskip.training.distillation import distillation
from patchskip.training.sequences import Clip, excerpt
from patchskip.training.skipping.network import SkipNetwork

from .blending import MARGIN, Distance, distilled_distance, losses, published_distance
from .gate import PassGate

SETTLING = 32  # steps before the first, that only collect statistics


@dataclass(frozen=True)
class Options:
    """gap: up to so many frames lie between the previous and the current one; 1 as published. target: share of patches
    that the budget asks for, None for none, as published. budget: its weight beside the triplet loss. rate: Adam's, at
    the start; it falls to a hundredth, as a cosine. distilled: the distance of distillation.py; else as published.
    """

    steps: int = 1000
    batch: int = 2
    gap: int = 1
    target: float | None = 0.05
    budget: float = 1.0
    margin: float = MARGIN
    distilled: bool = False
    rate: float = 1e-3
    seed: int = 0

    def __post_init__(self):
        for name in ("steps", "batch", "gap", "margin", "rate"):
            if not 0 < getattr(self, name) < float("inf"):
                raise PatchskipError(f"the training's {name} is {getattr(self, name)}; give more than 0")
        if self.target is not None and not 0 < self.target < 1:
            raise PatchskipError(
                f"the target is {self.target}; give a share of the patches between 0 and 1, such as 0.05"
            )


@dataclass(frozen=True)
class Progress:
    step: int
    triplet: float
    active: float
    positive: float
    negative: float


def train(
    analysis: Analysis,
    forms: Mapping[str, Form],
    clips: Sequence[Clip],
    options: Options,
    report: Callable[[Progress], None] = lambda progress: None,
    start: Mapping[str, TrainedGate] | None = None,
) -> dict[str, TrainedGate]:
    """-> gates by name, as export/pass_gates.py writes them. The same arguments give the same gates on one thread.

    analysis: the network, with input "float". clips: at least as large as its input, which is cut out at random. start:
    gates to go on from. Raises PatchskipError.
    """
    pairs = _Pairs(analysis, clips, options)
    distance: Distance = published_distance
    torch.manual_seed(options.seed)
    gates = {name: PassGate.restore(start[name]) if start else PassGate(form) for name, form in forms.items()}
    network = dense_network(analysis)
    if options.distilled:
        distance = distilled_distance(distillation(network.metadata))
    hooked = {_layer(analysis, network, name): gate.train() for name, gate in gates.items()}
    if not start:
        _settle(network, hooked, (pairs.draw(options.steps + i) for i in range(1, SETTLING + 1)))
    for gate in gates.values():
        gate.train(gate.form.head == "published")
    optimiser = torch.optim.Adam([p for gate in gates.values() for p in gate.parameters()], options.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.steps, options.rate / 100)
    for step in range(1, options.steps + 1):
        found = losses(network, hooked, *pairs.draw(step), options.margin, distance)
        optimiser.zero_grad()
        found.total(options.target, options.budget).backward()
        optimiser.step()
        schedule.step()
        report(Progress(step, *(float(value.detach()) for value in found)))
    return {name: gate.eval().trained() for name, gate in gates.items()}


def _settle(network: SkipNetwork, gates: Mapping[str, PassGate], pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
    """BatchNorm, for the local heads: means over many frames, which stay. Where nothing moves in a batch it makes the
    noise as large as change.
    """
    for gate in gates.values():
        for module in gate.modules():
            if isinstance(module, nn.BatchNorm2d) and gate.form.head == "local":
                module.momentum = None
    with torch.no_grad():
        for previous, current in pairs:
            losses(network, gates, previous, current)


def dense_network(analysis: Analysis) -> SkipNetwork:
    """The network in PyTorch, frozen; with an empty state it computes everything. Raises PatchskipError."""
    if analysis.input != "float":
        raise PatchskipError(f"the analysis has input {analysis.input}; PASS gates are trained on input float")
    return SkipNetwork(analysis.emit({name: 0.0 for name in analysis.pictures})).requires_grad_(False)


def _layer(analysis: Analysis, network: SkipNetwork, name: str) -> str:
    """The layer whose input the gate looks at: its own, unless that is computed inside another."""
    layer = analysis.pass_place(name).layer
    names = {entry["name"] for entry in network.metadata["layers"]}
    return layer.name if layer is not None and layer.name in names else name


class _Pairs:
    """Previous and current frames from the same place of a clip, drawn at random."""

    def __init__(self, analysis: Analysis, clips: Sequence[Clip], options: Options):
        if analysis.recipe is None:
            raise PatchskipError("the network's input has not three channels; PASS gates are trained on pictures")
        for clip in clips:
            have, least = clip.frames.shape, options.gap + 1
            if len(clip.frames) < least:
                raise PatchskipError(f"{clip.spec} has {have[0]} frames to train on; give a clip of {least} or more")
            if have[1] < analysis.size[0] or have[2] < analysis.size[1]:
                raise PatchskipError(
                    f"{clip.spec} has {have[1:3]} pixels, fewer than the network's input {analysis.size}"
                )
        self._size, self._recipe, self._clips, self._options = analysis.size, analysis.recipe, clips, options

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """-> previous, current: [N, 3, H, W] as the network takes them."""
        pairs = [self._pair((self._options.seed, step, stream)) for stream in range(self._options.batch)]
        previous, current = (torch.from_numpy(np.concatenate(frames)) for frames in zip(*pairs))
        return previous, current

    def _pair(self, key: tuple[int, ...]) -> list[np.ndarray]:
        gap = int(np.random.default_rng(key).integers(1, self._options.gap + 1))
        frames = excerpt(self._clips, self._size, gap + 1, key)
        return [normalised(frame, self._recipe) for frame in (frames[0], frames[-1])]
