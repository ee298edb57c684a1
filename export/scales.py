"""How large each tensor's values are, by running the dense network on a few frames."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import helper

from patchskip.runtime.errors import PatchskipError


def generated_frames(size: tuple[int, int], count: int = 3, seed: int = 1) -> list[np.ndarray]:
    """uint8 BGR [H, W, 3] frames with the spectrum of photographs (1/f noise) and some plain shapes; deterministic."""
    height, width = size
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        frame = np.full((height, width, 3), 110.0)
        octave = 2
        while octave <= max(size):
            cells = (-(-octave * height // max(size)) + 1, -(-octave * width // max(size)) + 1)
            grey, colour = rng.normal(0, 1, (*cells, 1)), rng.normal(0, 0.4, (*cells, 3))
            frame += _stretched(grey + colour, size) * 90 / octave**0.6
            octave *= 2
        for _ in range(6):
            y, x = rng.integers(0, height), rng.integers(0, width)
            side = rng.integers(max(2, height // 16), max(3, height // 3))
            frame[y : y + side, x : x + side // 2 + 1] = rng.uniform(0, 255, 3) + rng.normal(0, 6, 3)
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    return frames


def _stretched(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear, from the outermost cell to the outermost cell."""
    for axis, length in enumerate(size):
        at = np.linspace(0, values.shape[axis] - 1, length)
        low = np.minimum(at.astype(int), values.shape[axis] - 2)
        share = (at - low).reshape([-1 if a == axis else 1 for a in range(3)])
        values = values.take(low, axis) * (1 - share) + values.take(low + 1, axis) * share
    return values


def measure(model: onnx.ModelProto, tensors: Iterable[str], feeds: Iterable[dict]) -> dict[str, float]:
    """tensor -> mean of its magnitude over the feeds, for those the dense model has."""
    try:
        import onnxruntime
    except ImportError as error:
        raise PatchskipError(
            "delta gates are scaled by running the dense network, which needs onnxruntime; pip install onnxruntime"
        ) from error
    inputs = {value.name for value in model.graph.input}
    made = {name for node in model.graph.node for name in node.output} - {value.name for value in model.graph.output}
    known = made | {value.name for value in model.graph.output}
    names = [name for name in dict.fromkeys(tensors) if name in known]
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.ir_version = min(probe.ir_version, 10)
    probe.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names if name in made)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(probe.SerializeToString(), options, ["CPUExecutionProvider"])
    except Exception as error:
        raise PatchskipError(
            f"ONNX Runtime cannot run the dense network: {str(error).splitlines()[0]}; export it for a newer opset"
        ) from error
    totals: dict[str, list[float]] = {name: [] for name in tensors if name in known or name in inputs}
    for feed in feeds:
        values = {**feed, **dict(zip(names, session.run(names, feed)))}
        for name, found in totals.items():
            found.append(float(np.abs(values[name], dtype=np.float64).mean()))
    return {name: float(np.mean(found)) for name, found in totals.items()}
