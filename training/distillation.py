"""How far the outputs are from those of the network computed in full, as somebody who uses them would see it.

A term is [N], one number for each stream, so that streams may be spread over processes; 0 where both are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from patchskip.benchmarks.joints import SHARE
from patchskip.runtime.tasks import centres, detect
from patchskip.runtime.tasks.keypoints import Volumes

SEEN = 0.03  # scores below it are nobody's detection


class Distillation(Protocol):
    """`distillation(outputs, dense)` -> {term: [N]}, 0 where both are the same and about 1 where nothing is left."""

    def __call__(self, outputs: Mapping[str, Tensor], dense: Mapping[str, Tensor]) -> dict[str, Tensor]: ...


def distillation(metadata: Mapping) -> Distillation:
    """Chosen as `patchskip run` chooses its task. metadata: an exported model's."""
    model = as_model(metadata)
    shapes = {output["name"]: output["shape"] for output in metadata["outputs"]}
    if detect.fits(model):
        return Boxes(metadata["outputs"][0]["name"])
    heads = centres.find(model)
    if heads:
        return Centres(heads)
    volumes = Volumes.of((), shapes)
    return Joints(volumes.name, len(volumes.skeleton.joints)) if volumes else Values()


def as_model(metadata: Mapping) -> SimpleNamespace:
    """What the tasks of `patchskip run` ask of a model."""
    return SimpleNamespace(path="the model", inputs=metadata["inputs"], outputs=metadata["outputs"])


class Boxes:
    """A YOLOX-style output, rows [x, y, w, h, objectness, classes...] (runtime/tasks/detect.py).

    score: the squared difference of the scores, as a share of their sum: a little of it reorders nothing. box: 1 - IoU,
    what detections are judged by whatever their size is, weighted by the dense score.
    """

    def __init__(self, name: str):
        self._name = name

    def __call__(self, outputs: Mapping[str, Tensor], dense: Mapping[str, Tensor]) -> dict[str, Tensor]:
        rows, wanted = outputs[self._name].float(), dense[self._name].float()
        scores = [r[..., 4] * r[..., 5:].amax(-1) for r in (rows, wanted)]
        return _found(scores, [_corners(r) for r in (rows, wanted)])


class Centres:
    """FairMOT's heads (runtime/tasks/centres.py), of every cell: score and box as those of Boxes, and
    identity: 1 - the embeddings' cosine, weighted by the dense score.

    heads: head -> its output's name.
    """

    def __init__(self, heads: Mapping[str, str]):
        self._heads = heads

    def __call__(self, outputs: Mapping[str, Tensor], dense: Mapping[str, Tensor]) -> dict[str, Tensor]:
        rows, wanted = (
            {head: frame[name].float().flatten(2) for head, name in self._heads.items()} for frame in (outputs, dense)
        )
        scores = [r["hm"][:, 0].sigmoid() for r in (rows, wanted)]
        corners = [((r["reg"] - r["wh"][:, :2]).mT, (r["reg"] + r["wh"][:, 2:]).mT) for r in (rows, wanted)]
        apart = 1 - F.cosine_similarity(rows["id"], wanted["id"], dim=1)
        return {**_found(scores, corners), "identity": _expected(scores, apart)}


class Joints:
    """A volume for each joint (runtime/tasks/keypoints.py, Volumes).

    joint: the mean over joints of d^2 / (d^2 + 1), d being how far one is off, as a share of what benchmarks/joints.py
    tolerates: 1/2 there, so that it counts the joints that are lost. outputs: as of Values.
    """

    def __init__(self, name: str, joints: int):
        self._name, self._joints = name, joints

    def __call__(self, outputs: Mapping[str, Tensor], dense: Mapping[str, Tensor]) -> dict[str, Tensor]:
        places, wanted = (self._places(frame[self._name].float()) for frame in (outputs, dense))
        side = (wanted.amax(1) - wanted.amin(1))[:, :2].amax(1).clamp(min=1)
        off = (places - wanted).square().sum(2) / (SHARE * side[:, None]).square()
        return {"joint": (off / (off + 1)).mean(1), **Values()(outputs, dense)}

    def _places(self, maps: Tensor) -> Tensor:
        """-> [N, J, 3]: x, y, z of each joint in cells, the expectation of the softmax."""
        size = maps.shape[-1]
        shares = maps.reshape(len(maps), self._joints, -1).softmax(2).reshape(len(maps), -1, size, size, size)
        cells = torch.arange(size, dtype=maps.dtype, device=maps.device)
        plane = shares.sum(2)
        return torch.stack([side @ cells for side in (plane.sum(2), plane.sum(3), shares.sum((3, 4)))], 2)


class Values:
    """Any outputs: the squared difference over the variance of the dense network's, the mean of all outputs."""

    def __call__(self, outputs: Mapping[str, Tensor], dense: Mapping[str, Tensor]) -> dict[str, Tensor]:
        errors = []
        for name, wanted in dense.items():
            wanted = wanted.float().flatten(1)
            variance = wanted.var(1, correction=0).clamp(min=1e-6)
            errors.append((outputs[name].float().flatten(1) - wanted).square().mean(1) / variance)
        return {"outputs": torch.stack(errors).mean(0)}


_Pair = list[Tensor]  # the skipping network's, and the dense one's


def _found(scores: _Pair, corners: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """scores [N, places] 0..1, corners [N, places, 2] twice -> the terms score and box."""
    score, sure = scores
    squared = ((score - sure).square() * _seen(scores)).sum(1) / ((sure * _seen(scores)).sum(1) + 1)
    return {"score": squared, "box": _expected(scores, 1 - _overlap(*corners))}


def _expected(scores: _Pair, values: Tensor) -> Tensor:
    """The mean of [N, places], weighted by the dense score."""
    weights = scores[1] * _seen(scores)
    return (weights * values).sum(1) / (weights.sum(1) + 1)


def _seen(scores: _Pair) -> Tensor:
    return (torch.maximum(*scores) > SEEN).to(scores[0].dtype)


def _corners(rows: Tensor) -> tuple[Tensor, Tensor]:
    centre, sides = rows[..., :2], rows[..., 2:4].clamp(-8, 8).exp()
    return centre - sides / 2, centre + sides / 2


def _overlap(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> Tensor:
    """Intersection over union of the boxes of the same places: [N, places]."""
    areas = [(high - low).clamp(min=1e-3).prod(-1) for low, high in (one, other)]
    low, high = torch.maximum(one[0], other[0]), torch.minimum(one[1], other[1])
    shared = (high - low).clamp(min=0).prod(-1)
    return shared / (areas[0] + areas[1] - shared).clamp(min=1e-6)
