"""Weights that are float16 numbers: the kernels keep them as such, and read half as much memory for each frame.

They stay float32 in the file, and each kernel computes with them in float32: only the rounding changes a result.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .layers import Layer

PRECISIONS = ("float32", "float16")
_CONVOLUTIONS = ("Conv", "ConvTranspose", "DeformConv", "SeparableConv", "ConcatConv")


def round_weights(layers: Iterable[Layer]) -> None:
    """Those of all convolutions, but not their biases; where a value is beyond float16 they stay as they are."""
    for layer in layers:
        if layer.op_type in _CONVOLUTIONS:
            layer.weights = [rounded(value) if value.ndim == 4 else value for value in layer.weights]


def rounded(weights: np.ndarray) -> np.ndarray:
    """float32, to the nearest float16 numbers."""
    with np.errstate(over="ignore"):
        found = weights.astype(np.float16).astype(np.float32)
    return found if np.isfinite(found).all() else weights
