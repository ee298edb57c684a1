"""Layers that are computed inside the pointwise convolutions that read them: SeparableConv and ConcatConv.

What lies between the two then never leaves the core's cache. A depthwise convolution is only moved there when its
output need not be kept; a Concat always, as its inputs can be kept in its stead. This is decided last, when all masks
are known; `network` itself is not changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeGuard

from .layers import Layer
from .network import Dense, Network

_PLAIN = {"kernel_shape": [1, 1], "strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0], "group": 1}


def joins(network: Network, apart: Collection[str]) -> dict[str, list[Layer]]:
    """-> by the name of a Concat that only pointwise convolutions read: these. apart: tensors that must exist."""
    return {
        layer.name: readers
        for layer in network.layers
        if layer.op_type == "Concat" and layer.output not in apart and (readers := _pointwise_readers(network, layer))
    }


def chains(network: Network, kept: Collection[str], joined: Mapping[str, list[Layer]]) -> dict[str, Layer]:
    """-> by the reader's name: the layer to compute inside it. joined: by `joins`."""
    found = {reader.name: layer for layer in network.layers for reader in joined.get(layer.name, ())}
    for layer in network.layers:
        reader = None if layer.output in kept or layer.op_type == "Concat" else reader_to_join(network, layer)
        if reader is not None:
            found[reader.name] = layer
    return found


def reader_to_join(network: Network, layer: Layer) -> Layer | None:
    """The pointwise convolution inside which alone `layer` can be computed, if nobody keeps its output."""
    readers = _pointwise_readers(network, layer) if _is_inner(layer) else []
    return readers[0] if len(readers) == 1 else None


def _pointwise_readers(network: Network, layer: Layer) -> list[Layer]:
    """All readers of the layer's output, or none when one is something else."""
    readers = network.readers(layer.output)
    pointwise = [reader for reader in readers if _is_pointwise(reader, layer.output)]
    return pointwise if len(pointwise) == len(readers) and layer.output not in network.graph.outputs else []


def _is_inner(layer: Layer) -> bool:
    if layer.op_type == "Concat":
        return True
    depthwise = layer.op_type == "Conv" and layer.attributes["group"] == layer.shape[3] == layer.weights[0].shape[0]
    return depthwise and layer.weights[0].shape[1] == 1 and "residual" not in layer.attributes


def _is_pointwise(reader: Layer | Dense, tensor: str) -> TypeGuard[Layer]:
    """Is it a 1x1 convolution of the tensor, which it reads once?"""
    return (
        isinstance(reader, Layer)
        and reader.op_type == "Conv"
        and reader.inputs[0] == tensor
        and reader.inputs.count(tensor) == 1
        and all(reader.attributes[name] == value for name, value in _PLAIN.items())
    )


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
