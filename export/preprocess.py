"""What a network wants done to a frame: presets by name, and the guess when none is named."""

from __future__ import annotations

import numpy as np

from patchskip.runtime.errors import PatchskipError

_IMAGENET = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}


def _preset(channels: str, mean: float, std: float, fit: str = "stretch") -> dict:
    return {"channels": channels, "mean": [mean] * 3, "std": [std] * 3, "fit": fit, "pad": 114}


# name -> channel order, x = (grey level - mean) / std, and how a frame of another shape is made to fit.
PRESETS = {
    "yolox": _preset("BGR", 0.0, 1.0, "letterbox"),
    "imagenet": {"channels": "RGB", **_IMAGENET, "fit": "stretch", "pad": 114},
    "unit": _preset("RGB", 0.0, 255.0),  # 0..1: BlazePose, FairMOT
    "unit-bgr": _preset("BGR", 0.0, 255.0),  # FastestDet
    "signed": _preset("RGB", 127.5, 127.5),  # -1..1: MobileNetV2, MoveNet
    "raw": _preset("RGB", 0.0, 1.0),
}


def choose(name: str, size: tuple[int, int], outputs: list[tuple[int, ...]]) -> str:
    """The preset's name. auto: a detector with YOLOX's anchors is yolox, anything else imagenet."""
    if name == "auto":
        height, width = size
        anchors = height * width // 64 + height * width // 256 + height * width // 1024
        yolox = any(len(s) == 3 and s[0] == 1 and s[1] == anchors and s[2] > 5 for s in outputs)
        return "yolox" if yolox else "imagenet"
    if name not in PRESETS:
        raise PatchskipError(f"--preprocess {name} is not known; choose one of auto, {', '.join(PRESETS)}")
    return name


def image_attributes(preset: dict) -> dict:
    """`channels`, `scale` and `bias` of Image and PatchGate for frames as OpenCV gives them (uint8 BGR)."""
    mean, std = (np.asarray(preset[key], np.float64) for key in ("mean", "std"))
    attributes: dict = {}
    if preset["channels"] == "RGB":
        attributes["channels"] = [2, 1, 0]
    if (std != 1).any():
        attributes["scale"] = [float(v) for v in (1 / std).astype(np.float32)]
    if mean.any():
        attributes["bias"] = [float(v) for v in (-mean / std).astype(np.float32)]
    return attributes


def normalised(frame: np.ndarray, preset: dict) -> np.ndarray:
    """frame uint8 BGR [H, W, 3] -> float32 [1, 3, H, W]."""
    frame = frame[..., ::-1] if preset["channels"] == "RGB" else frame
    value = (frame - np.asarray(preset["mean"], np.float32)) / np.asarray(preset["std"], np.float32)
    return np.ascontiguousarray(value.transpose(2, 0, 1)[None], np.float32)
