"""The networks of the PASS papers, in PyTorch. A line of BACKBONES each; torch is imported when one is built."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from patchskip.runtime.errors import PatchskipError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Backbone:
    """factory: module and class, options: its arguments. size: height and width it is made for; another must be a
    multiple of `stride`. preset: what it wants done to a frame, of `patchskip.export.preprocess.PRESETS`."""

    factory: str
    size: tuple[int, int]
    stride: int
    preset: str
    outputs: tuple[str, ...]
    options: Mapping = field(default_factory=dict)

    def build(self) -> nn.Module:
        """-> the network, in inference mode, with PyTorch's own random weights."""
        module, factory = self.factory.split(".")
        try:
            classes = importlib.import_module(f"{__name__}.{module}")
        except ImportError as error:
            if (error.name or "").split(".")[0] == "patchskip":
                raise
            raise PatchskipError(
                f"the backbones need {error.name}, which is not installed; pip install 'patchskip[train]'"
            ) from error
        return getattr(classes, factory)(**self.options).eval()


def _pose(stride: int, **options) -> Backbone:
    return Backbone("mobilehumanpose.MobileHumanPose", (256, 256), stride, "imagenet", ("heatmaps",), options)


def _fairmot(factory: str, **options) -> Backbone:
    return Backbone(f"fairmot.{factory}", (608, 1088), 32, "unit", ("hm", "wh", "id", "reg"), options)


BACKBONES = {
    "mobilehumanpose": _pose(64),
    "mobilehumanpose-18": _pose(64, joints=18),
    "mobilehumanpose-large": _pose(32, large=True),
    "mobilehumanpose-large-18": _pose(32, large=True, joints=18),
    "fairmot-dlaconv": _fairmot("FairMOT", deformable=False),
    "fairmot-dla": _fairmot("FairMOT", deformable=True),
    "fairmot-resdcn-18": _fairmot("FairMOTResNet"),
    "fairmot-yolo": _fairmot("FairMOTLight"),
}


def backbone(name: str) -> Backbone:
    """The line of BACKBONES. Raises PatchskipError for another name."""
    if name not in BACKBONES:
        raise PatchskipError(f"there is no backbone {name}; choose {', '.join(BACKBONES)}")
    return BACKBONES[name]
