"""The exporter: an ordinary ONNX network in, a patch-skipping one out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnx.inliner

from patchskip.runtime.errors import PatchskipError

from . import coverage, loading, preprocess, scales
from .emit import Options, emit
from .gates import gated, given_thresholds, relative_thresholds
from .graph import Graph
from .input_size import set_input_size
from .network import Network, fuse, localise
from .normalise import normalise

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
    patch: int = 16,
    gate: str = "exact",
    threshold: float | None = None,
    gates: Mapping[str, float] | None = None,
    halo: str = "none",
    input: str = "float",
    preset: str = "auto",
    feeds: Iterable[np.ndarray] | None = None,
    name: str = "the model",
    metadata: Mapping | None = None,
) -> ExportResult:
    """Make a network patch-skipping. `model` is not changed.

    input_size: (height, width) to give its image input. patch: side in input pixels, a power of two.
    gate: "exact", or "delta" with `threshold` (a share of each layer's mean magnitude; by default that of
    DEFAULT_THRESHOLDS for `halo`) or `gates` (absolute, by name).
    halo: "full", or "none": in delta mode a change spreads to the pixels that stand in its place alone.
    input: "float" keeps the network's input, "u8" takes the frame itself, uint8 [1, H, W, 3] BGR.
    preset: what is done to a frame, of `preprocess.PRESETS`, or "auto".
    feeds: frames, uint8 BGR [H, W, 3] of the input's size, from which magnitudes are taken; generated ones if None.
    metadata: further entries for the model's metadata. Raises PatchskipError.
    """
    threshold = DEFAULT_THRESHOLDS.get(halo, 0.0) if threshold is None else threshold
    _check_options(patch, gate, threshold, halo, input)
    loading.check(model, name)
    if input_size is not None:
        model = set_input_size(model, input_size)
    loading.require_fixed_inputs(model, name)
    model = onnx.inliner.inline_local_functions(model) if model.functions else model
    graph = Graph(model)
    normalise(graph)
    network = localise(graph)
    fuse(network)
    image = _image(graph, network, name)
    size = _size(graph, image)
    chosen = preprocess.choose(preset, size, [graph.shapes.get(output, ()) for output in graph.outputs])
    recipe = preprocess.PRESETS[chosen] if graph.shapes[image][1] == 3 else None
    if input == "u8" and (recipe is None or sum(entry.tensor in graph.inputs for entry in network.entries) > 1):
        raise PatchskipError(f"--input u8 needs a network with one image input of 3 channels; {name} has not")

    options = Options(patch, gate, 0.0 if gate == "exact" else threshold, halo=halo == "full" or gate == "exact")
    options.u8 = input == "u8"
    options.image_attributes = preprocess.image_attributes(recipe) if recipe else {}
    options.extra = {"preprocess": recipe, "preset": chosen if recipe else None, **(metadata or {})}
    if gate == "delta":
        deciding = gated(network, options.halo)
        if gates is not None:
            options.thresholds = given_thresholds(network, deciding, gates)
        else:
            tensors = [entry.tensor for entry in network.entries] + [layer.output for layer in deciding]
            found = scales.measure(model, tensors, _feeds(graph, image, recipe, feeds))
            options.thresholds = relative_thresholds(network, deciding, threshold, found)
    result = emit(network, size, options)
    return ExportResult(result, coverage.report(result))


def _check_options(patch: int, gate: str, threshold: float, halo: str, input: str) -> None:
    if patch < 1 or patch & (patch - 1) or patch > 256:
        raise PatchskipError(f"--patch {patch} is not a power of two from 1 to 256; 16 suits most networks")
    for option, value, known in (
        ("gate", gate, ("exact", "delta")),
        ("halo", halo, ("full", "none")),
        ("input", input, ("float", "u8")),
    ):
        if value not in known:
            raise PatchskipError(f"--{option} {value} is not known; choose {' or '.join(known)}")
    if not 0 <= threshold < float("inf"):
        raise PatchskipError(
            f"--threshold {threshold} is not a share; give 0 or more, such as {DEFAULT_THRESHOLDS['none']}"
        )


def _image(graph: Graph, network: Network, name: str) -> str:
    """The input that patches refer to: the largest picture."""
    found = [entry for entry in network.entries if entry.tensor in graph.inputs]
    if not found:
        reasons = next((f": {d.node.op_type} {d.node.label}: {d.reason}" for d in network.dense), "")
        raise PatchskipError(
            f"{name} has no float [1, C, H, W] input that an operator with a place in the picture reads{reasons}; "
            "there is nothing to skip"
        )
    return max(found, key=lambda entry: entry.shape[2] * entry.shape[3]).tensor


def _size(graph: Graph, image: str) -> tuple[int, int]:
    height, width = graph.shapes[image][2:]
    return height, width


def _feeds(graph: Graph, image: str, recipe: dict | None, frames: Iterable[np.ndarray] | None):
    """Inputs of the dense network. What is no picture is random, of variance 1."""
    size = _size(graph, image)
    for frame in frames if frames is not None else scales.generated_frames(size):
        feed = {}
        for name in graph.inputs:
            if name == image and recipe is not None:
                feed[name] = preprocess.normalised(frame, recipe)
            else:
                kind = onnx.helper.tensor_dtype_to_np_dtype(graph.types[name])
                feed[name] = np.random.default_rng(0).normal(size=graph.shapes[name]).astype(kind)
        yield feed
