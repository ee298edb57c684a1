"""Layers that are computed inside the pointwise convolution that reads them: SeparableConv and ConcatConv.

What lies between the two then never leaves the core's cache. Only tensors that need not be kept come into question, so
this is decided last, when all masks are known; `network` itself is not changed.
"""

from __future__ import annotations

from collections.abc import Collection

from .layers import Layer
from .network import Network

_PLAIN = {"kernel_shape": [1, 1], "strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0], "group": 1}


def chains(network: Network, kept: Collection[str]) -> dict[str, Layer]:
    """-> by the reader's name: the layer to compute inside it."""
    found = {}
    for layer in network.layers:
        reader = None if layer.output in kept else reader_to_join(network, layer)
        if reader is not None:
            found[reader.name] = layer
    return found


def reader_to_join(network: Network, layer: Layer) -> Layer | None:
    """The pointwise convolution inside which `layer` can be computed, if nobody keeps its output."""
    reader = network.only_reader(layer.output)
    if reader is None or reader.op_type != "Conv" or reader.inputs[0] != layer.output:
        return None
    return reader if _is_inner(layer) and _is_pointwise(reader) else None


def _is_inner(layer: Layer) -> bool:
    if layer.op_type == "Concat":
        return True
    depthwise = layer.op_type == "Conv" and layer.attributes["group"] == layer.shape[3] == layer.weights[0].shape[0]
    return depthwise and layer.weights[0].shape[1] == 1 and "residual" not in layer.attributes


def _is_pointwise(layer: Layer) -> bool:
    return all(layer.attributes[name] == value for name, value in _PLAIN.items())


def chain(inner: Layer, outer: Layer) -> Layer:
    """One layer that computes both. Its activations: the inner layer's, then the outer's residual."""
    attributes = {k: v for k, v in inner.attributes.items()} if inner.op_type == "Conv" else {}
    if "residual" in outer.attributes:
        attributes["residual"] = outer.attributes["residual"]
    if inner.activation != "None":
        attributes["inner_activation"] = inner.activation
        if inner.activation_params:
            attributes["inner_activation_params"] = inner.activation_params
    return Layer(
        outer.name,
        "SeparableConv" if inner.op_type == "Conv" else "ConcatConv",
        [*inner.inputs, *outer.inputs[1:]],
        outer.output,
        outer.shape,
        outer.size,
        attributes,
        [*inner.weights, *outer.weights],
        outer.activation,
        outer.activation_params,
        inner.macs + outer.macs,
    )
