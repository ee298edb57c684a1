"""The exporter: an ordinary ONNX network in, a patch-skipping one out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from patchskip.runtime.errors import PatchskipError

from . import coverage
from .analysis import DEFAULT_RADIUS, analyse
from .gate_file import Gate
from .pass_gates import TrainedGate

DEFAULT_THRESHOLDS = {"none": 0.15, "full": 0.05}  # by halo: with it every layer has a gate, and what they drop adds up


@dataclass
class ExportResult:
    """model: the PatchSkip network. report: what `coverage.report` says of it."""

    model: onnx.ModelProto
    report: dict


def convert(
    model: onnx.ModelProto,
    *,
    input_size: tuple[int, int] | None = None,
    frame_size: tuple[int, int] | None = None,
    patch: int = 16,
    gate: str = "exact",
    threshold: float | None = None,
    gates: Mapping[str, float | Gate] | None = None,
    pass_gates: Mapping[str, TrainedGate] | None = None,
    halo: str = "none",
    deform_radius: int = DEFAULT_RADIUS,
    input: str = "float",
    weights: str = "float32",
    preset: str = "auto",
    feeds: Iterable[np.ndarray] | None = None,
    name: str = "the model",
    metadata: Mapping | None = None,
) -> ExportResult:
    """Make a network patch-skipping. `model` is not changed.

    input_size: (height, width) to give its image input. patch: side in input pixels, a power of two.
    frame_size: (height, width) of the frames that it takes, and resizes itself, where they changed; with "u8".
    gate: "exact", or "delta" with `threshold` (a share of each layer's mean magnitude; by default that of
    DEFAULT_THRESHOLDS for `halo`) or `gates` (by name; a number is a threshold, absolute).
    pass_gates: gates of PASS by name, in delta mode: alone, or with `gates` or `threshold` for the other places.
    halo: "full", or "none": in delta mode a change spreads to the pixels that stand in its place alone.
    deform_radius: in delta mode with the full halo, a change is followed as if a deformable convolution's taps were
    moved by at most so many pixels of its input; in exact mode any change reaches all of its output.
    input: "float" keeps the network's input, "u8" takes the frame itself, uint8 [1, H, W, 3] BGR.
    weights: "float16" rounds those of the convolutions to it: half.py.
    preset: what is done to a frame, of `preprocess.PRESETS`, or "auto".
    feeds: frames, uint8 BGR [H, W, 3] of the input's size, from which magnitudes are taken; generated ones if None.
    metadata: further entries for the model's metadata. Raises PatchskipError.
    """
    alone = bool(pass_gates) and gates is None and threshold is None
    threshold = DEFAULT_THRESHOLDS.get(halo, 0.0) if threshold is None else threshold
    if gate not in ("exact", "delta"):
        raise PatchskipError(f"--gate {gate} is not known; choose exact or delta")
    if not 0 <= threshold < float("inf"):
        raise PatchskipError(
            f"--threshold {threshold} is not a share; give 0 or more, such as {DEFAULT_THRESHOLDS['none']}"
        )
    analysis = analyse(
        model,
        input_size=input_size,
        frame_size=frame_size,
        patch=patch,
        halo=halo,
        deform_radius=deform_radius,
        input=input,
        weights=weights,
        preset=preset,
        name=name,
        metadata=metadata,
    )
    if gate == "exact":
        result = analysis.emit()
    elif gates is not None or alone:
        result = analysis.emit(gates or {}, pass_gates=pass_gates)
    else:
        relative = analysis.relative_gates(threshold, feeds)
        others = {name: found for name, found in relative.items() if name not in (pass_gates or {})}
        result = analysis.emit(others, pass_gates=pass_gates, threshold=threshold)
    return ExportResult(result, coverage.report(result))
