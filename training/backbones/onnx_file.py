"""A backbone as an ONNX file, by PyTorch's exporter through TorchScript: the newer one needs onnxscript."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

import torch
from torch import nn

from patchskip.runtime.files import atomic_path

OPSET = 13  # the newest that TensorRT 8.2 reads; a module that needs a newer one says so


def write_onnx(model: nn.Module, size: tuple[int, int], outputs: Sequence[str], path: str | os.PathLike) -> None:
    """The input is `images`, float32 [1, 3, H, W]; BatchNorm is folded, every shape fixed."""
    with atomic_path(path) as target, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model,
            (torch.zeros(1, 3, *size),),
            target,
            input_names=["images"],
            output_names=list(outputs),
            opset_version=max(getattr(module, "opset", OPSET) for module in model.modules()),
            dynamo=False,
        )
