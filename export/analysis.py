"""An ordinary ONNX network, taken apart: what of it can skip, and the models that are made of it.

analysis = analyse(model, input_size=(576, 768))  # once
analysis.emit(gates)                              # a model for every set of gates; without any, an exact one
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import onnx.inliner

from patchskip.runtime.errors import PatchskipError

from . import loading, pass_places, preprocess, scales
from .emit import Options, emit
from .frame_size import take_frame
from .frames import fitting
from .gate_file import Gate
from .gates import candidates, gated, given_gates, relative_gates
from .geometry import Size
from .graph import Graph
from .half import PRECISIONS, round_weights
from .input_size import set_input_size
from .layers import Layer
from .masks import patch_of
from .network import Entry, Network, fuse, localise
from .normalise import normalise
from .pass_gates import Form, TrainedGate
from .pass_places import Place, place

DEFAULT_RADIUS = 2
_STRETCH = {"fit": "stretch"}


@dataclass
class Analysis:
    """A network that is known down to its layers, and how it is to be emitted.

    dense: the network as it came, its functions inlined and of the size asked for. image: the input that `patch` refers
    to. size: of its picture, (height, width); what comes in may be a frame of another size. preset, recipe: what is
    done to a frame; recipe None where the picture has not three channels.
    """

    dense: onnx.ModelProto
    network: Network
    image: str
    size: Size
    patch: int
    halo: str
    deform_radius: int
    input: str
    preset: str | None
    recipe: dict | None
    metadata: Mapping

    @property
    def entries(self) -> list[Entry]:
        """The pictures: what a delta gate must stand at. `tensor` is the gate's name, `shape` [1, C, H, W]."""
        return self.network.entries

    @property
    def pictures(self) -> list[str]:
        return [entry.tensor for entry in self.entries]

    def pass_place(self, name: str) -> Place:
        """What a PASS gate called `name` looks at. Raises PatchskipError when there is no place for one."""
        return place(self.network, name, self.patch_of)

    def pass_form(self, name: str, **form) -> Form:
        """The form of a PASS gate that fits there; `form` says the rest of it."""
        at = self.pass_place(name)
        return Form(at.channels, at.patch, grid=at.grid if form.get("head") == "published" else None, **form)

    def candidates(self) -> list[Layer]:
        """The layers that may have a gate. `name` is the gate's, `shape` [1, H, W, C]."""
        return candidates(self.network, self.halo == "full")

    def patch_of(self, size: Size) -> int:
        """Side of the patches of a tensor of this size (height, width): what a gate's cell must divide."""
        return patch_of(size, self.size, self.patch)

    def relative_gates(
        self, threshold: float, feeds: Iterable[np.ndarray] | None = None, least: float | None = None
    ) -> dict[str, Gate]:
        """The gates of `convert(gate="delta", threshold=threshold, feeds=feeds)`.

        least: share of the multiplications that a layer's gate must be able to stop, `gated`'s if None.
        """
        deciding = gated(self.network, self.halo == "full", *([] if least is None else [least]))
        tensors = [entry.tensor for entry in self.entries] + [layer.output for layer in deciding]
        made = _feeds(self.network.graph, self.image, self.size, self.recipe, feeds)
        found = scales.measure(self.dense, tensors, made)
        return relative_gates(self.network, deciding, threshold, found)

    def emit(
        self,
        gates: Mapping[str, float | Gate] | None = None,
        *,
        pass_gates: Mapping[str, TrainedGate] | None = None,
        threshold: float | None = None,
        source: str = "the gates",
    ) -> onnx.ModelProto:
        """The patch-skipping model with these gates by name; exact if None. The same gates give the same model.

        pass_gates: further gates, by name; where the picture has one it needs no other.
        threshold: the share that the metadata names, of relative gates. source: what messages call the gates. Raises
        PatchskipError when they do not fit the network.
        """
        options = Options(self.patch, "exact")
        if gates is not None or pass_gates:
            learned, plain = pass_gates or {}, gates or {}
            plain = {**plain, **{entry.tensor: 0.0 for entry in self.entries if entry.tensor in learned}}
            found = given_gates(self.network, self.candidates(), plain, self.patch_of, source)
            options = Options(self.patch, "delta", threshold, found, halo=self.halo == "full")
            options.radius = self.deform_radius
            others = found.keys() - set(self.pictures)
            options.pass_gates = pass_places.fitting(self.network, learned, self.patch_of, others)
        options.u8 = self.input == "u8"
        options.image_attributes = preprocess.image_attributes(self.recipe) if self.recipe else {}
        options.extra = {"preprocess": self.recipe, "preset": self.preset, **self.metadata}
        return emit(self.network, self.size, options)


def analyse(
    model: onnx.ModelProto,
    *,
    input_size: Size | None = None,
    frame_size: Size | None = None,
    patch: int = 16,
    halo: str = "none",
    deform_radius: int = DEFAULT_RADIUS,
    input: str = "float",
    weights: str = "float32",
    preset: str = "auto",
    name: str = "the model",
    metadata: Mapping | None = None,
) -> Analysis:
    """Find out what of a network can skip. The arguments are those of `convert`. Raises PatchskipError."""
    _check_options(patch, halo, deform_radius, input, weights)
    loading.check(model, name)
    if input_size is not None:
        model = set_input_size(model, input_size)
    loading.require_fixed_inputs(model, name)
    model = onnx.inliner.inline_local_functions(model) if model.functions else model
    graph = Graph(model)
    normalise(graph)
    network = localise(graph)
    fuse(network)
    if weights == "float16":
        round_weights(network.layers)
    image = _image(graph, network, name)
    shapes = [graph.shapes.get(output, ()) for output in graph.outputs]
    size = _size(graph, image)
    chosen = preprocess.choose(preset, size, shapes)
    recipe = preprocess.PRESETS[chosen] if graph.shapes[image][1] == 3 else None
    if input == "u8" and (recipe is None or sum(entry.tensor in graph.inputs for entry in network.entries) > 1):
        raise PatchskipError(f"--input u8 needs a network with one image input of 3 channels; {name} has not")
    if frame_size is not None:
        if input != "u8":
            raise PatchskipError("--frame-size is for --input u8: the model then takes the frame itself")
        take_frame(network, image, frame_size, patch)
    how = (image, size, patch, halo, deform_radius, input, chosen if recipe else None, recipe)
    return Analysis(model, network, *how, {"weights": weights, **(metadata or {})})


def _check_options(patch: int, halo: str, deform_radius: int, input: str, weights: str) -> None:
    if patch < 1 or patch & (patch - 1) or patch > 256:
        raise PatchskipError(f"--patch {patch} is not a power of two from 1 to 256; 16 suits most networks")
    if deform_radius < 0:
        raise PatchskipError(f"--deform-radius {deform_radius} is not a distance; give 0 or more")
    choices = (("halo", halo, ("full", "none")), ("input", input, ("float", "u8")), ("weights", weights, PRECISIONS))
    for option, value, known in choices:
        if value not in known:
            raise PatchskipError(f"--{option} {value} is not known; choose {' or '.join(known)}")


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


def _feeds(graph: Graph, image: str, size: Size, recipe: dict | None, frames: Iterable[np.ndarray] | None):
    """Inputs of the dense network, of frames of any size. What is no picture is random, of variance 1."""
    for frame in frames if frames is not None else scales.generated_frames(size):
        feed = {}
        for name in graph.inputs:
            if name == image and recipe is not None:
                fitted = frame if frame.shape[:2] == size else fitting(size, _STRETCH)(frame)[0]
                feed[name] = preprocess.normalised(fitted, recipe)
            else:
                kind = onnx.helper.tensor_dtype_to_np_dtype(graph.types[name])
                feed[name] = np.random.default_rng(0).normal(size=graph.shapes[name]).astype(kind)
        yield feed
