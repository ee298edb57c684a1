"""An exported model's metadata in its ONNX file."""

import pytest

from patchskip.benchmarks.demo_network import build
from patchskip.export import convert
from patchskip.export.metadata import is_exported, metadata_of, set_metadata
from patchskip.runtime.errors import PatchskipError


def test_other_properties_stay():
    model = convert(build((64, 96))).model
    model.metadata_props.add(key="author", value="me")
    changed = {**metadata_of(model), "finetuned": True}
    set_metadata(model, changed)
    assert metadata_of(model) == changed
    assert [entry.key for entry in model.metadata_props] == ["patchskip", "author"]


def test_an_ordinary_model():
    model = build((64, 96))
    assert not is_exported(model)
    with pytest.raises(PatchskipError, match="net.onnx is an ordinary ONNX model without patch-skipping"):
        metadata_of(model, "net.onnx")


def test_what_is_needed():
    model = convert(build((64, 96))).model
    metadata = metadata_of(model, needed=["coverage"])
    del metadata["coverage"]
    set_metadata(model, metadata)
    assert metadata_of(model) == metadata
    with pytest.raises(PatchskipError, match=r"cannot be read \(KeyError\('coverage'\)\)"):
        metadata_of(model, needed=["coverage"])
