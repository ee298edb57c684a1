"""Persons from FairMOT's heads (Zhang et al., arXiv 2004.01888): boxes around centres, and what tells each apart."""

import numpy as np

from ..errors import PatchskipError
from ..model import picture_size
from . import coco

HEADS = {"hm": 1, "wh": 4, "id": None, "reg": 2}  # channels; an embedding has any number
MOST = 500  # persons in a frame
PERSON = coco.NAMES.index("person")


def fits(model):
    """Does the model have FairMOT's four heads?"""
    return find(model) is not None


def create(model, conf=0.4):
    """-> Centres. Raises PatchskipError when the model has no such heads."""
    heads = find(model)
    if heads is None:
        raise PatchskipError(
            "{} has not FairMOT's heads hm, wh, id and reg, maps of 1, 4, any and 2 channels, but {}; use --task "
            "none".format(model.path, {output["name"]: output["shape"] for output in model.outputs})
        )
    return Centres(heads, model, conf)


class Centres:
    """`centres(outputs, scale)` -> (float32 [n, 6]: x1, y1, x2, y2 in the frame's pixels, score, class; float32 [n, c]
    embeddings of unit length), best first.

    hm: the centres' logits; a centre is no smaller than its eight neighbours. reg: where in its cell it lies; wh: how
    far the box reaches to the left, top, right and bottom, all in cells. The class is COCO's person.
    """

    def __init__(self, heads, model, conf):
        self.count = len(coco.NAMES)
        self._heads = heads
        size = picture_size(model.inputs[0])
        rows, columns = next(output["shape"] for output in model.outputs if output["name"] == heads["hm"])[2:]
        self._cell = np.array([size[1] / columns, size[0] / rows], np.float32)
        with np.errstate(divide="ignore"):
            self._least = np.log(np.float32(conf)) - np.log1p(-np.float32(conf))

    def __call__(self, outputs, scale=(1.0, 1.0)):
        maps = {head: outputs[name][0] for head, name in self._heads.items()}
        y, x = _peaks(maps["hm"][0], self._least)
        scores = 1 / (1 + np.exp(-maps["hm"][0, y, x]))
        wh, embeddings, reg = (maps[head][:, y, x].T for head in ("wh", "id", "reg"))
        centre = np.stack([x, y], axis=1) + reg
        corners = np.concatenate([centre - wh[:, :2], centre + wh[:, 2:]], axis=1) * np.tile(self._cell, 2)
        corners /= np.tile(np.array(scale, np.float32), 2)
        found = np.concatenate([corners, scores[:, None], np.full((len(y), 1), PERSON)], axis=1)
        embeddings = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
        return found.astype(np.float32), embeddings.astype(np.float32)


def _peaks(values, least):
    """-> (y, x) of the local maxima above `least`, highest first, at most MOST."""
    y, x = np.nonzero(values > least)
    around = np.pad(values, 1, "constant", constant_values=-np.inf)
    highest = np.max([around[y + i, x + j] for i in range(3) for j in range(3)], axis=0)
    peak = values[y, x] >= highest
    y, x = y[peak], x[peak]
    best = np.argsort(-values[y, x], kind="mergesort")[:MOST]
    return y[best], x[best]


def find(model):
    """-> {head of HEADS: its output's name}, by name or else by the number of channels; None where one is missing."""
    maps = {o["name"]: o["shape"] for o in model.outputs if len(o["shape"]) == 4 and o["shape"][0] == 1}
    if len(maps) < len(HEADS) or len({tuple(shape[2:]) for shape in maps.values()}) > 1:
        return None
    if set(HEADS) <= set(maps):
        heads = {head: head for head in HEADS}
    else:
        named = {count: head for head, count in HEADS.items()}
        heads = {named.get(shape[1], "id"): name for name, shape in maps.items()}
    right = set(heads) == set(HEADS) and all(HEADS[h] in (None, maps[name][1]) for h, name in heads.items())
    return heads if right else None
