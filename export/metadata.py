"""What patchskip keeps of a model in its ONNX file: the property `patchskip`, docs/op-spec.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import onnx

from patchskip.runtime.model import read_metadata

_PROPERTY = "patchskip"


def is_exported(model: onnx.ModelProto) -> bool:
    """Does it have metadata, readable or not?"""
    return _entry(model) is not None


def metadata_of(model: onnx.ModelProto, name: str = "the model", needed: Sequence[str] = ()) -> dict:
    """-> dict, as in docs/op-spec.md. needed: keys of the runtime's MORE that must be there beside the lists.

    Raises PatchskipError, which calls the model `name`, when it has no metadata, or none that can be read.
    """
    entry = _entry(model)
    return read_metadata(None if entry is None else entry.value, name, needed)


def set_metadata(model: onnx.ModelProto, metadata: Mapping) -> None:
    """In the place of what the model had; its other properties stay."""
    entry = _entry(model)
    if entry is None:
        entry = model.metadata_props.add(key=_PROPERTY)
    entry.value = json.dumps(metadata)


def _entry(model: onnx.ModelProto) -> onnx.StringStringEntryProto | None:
    return next((entry for entry in model.metadata_props if entry.key == _PROPERTY), None)
