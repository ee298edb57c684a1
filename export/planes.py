"""Where tensors leave the skipping part: layers that lay out NCHW what changed of them.

They depend on how a model is emitted, not on how a network is analysed: `network` itself is not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from .layers import Layer
from .network import Dense, Entry, Network


def with_planes(network: Network, pictures: Collection[str], new_name: Callable[[str], str]) -> Network:
    """-> the network with a Planes layer behind whatever the user or a dense node reads as it was.

    Its output has the tensor's name, and what PatchSkip reads another. pictures: the entries that the frame itself is
    the input of, NHWC: there it is the other way round.
    """
    nhwc = {layer.output: new_name(layer.output + ".nhwc") for layer in network.layers if _leaves(network, layer)}
    nchw = {name: new_name(name + ".nchw") for name in pictures if _is_read(network, name)}
    steps: list[Layer | Dense | Entry] = []
    for step in network.steps:
        if isinstance(step, Layer):
            made = nhwc.get(step.output, step.output)
            steps.append(replace(step, inputs=_renamed(step.inputs, nhwc), output=made))
            if step.output in nhwc:
                steps.append(_planes(made, step.output, step.shape))
        elif isinstance(step, Dense):
            steps.append(replace(step, node=replace(step.node, inputs=_renamed(step.node.inputs, nchw))))
        else:
            steps.append(step)
            if step.tensor in nchw:
                _, channels, height, width = step.shape
                steps.append(_planes(step.tensor, nchw[step.tensor], (1, height, width, channels)))
    return Network(network.graph, steps)


def needs_nchw(network: Network, tensor: str) -> bool:
    """Does anybody but a Transpose, which can read NHWC as well, read the tensor as it was?"""
    if tensor in network.graph.outputs:
        return True
    readers = [dense.node for dense in network.dense if tensor in dense.node.reads()]
    return any(node.op_type != "Transpose" for node in readers)


def _leaves(network: Network, layer: Layer) -> bool:
    return not layer.leaves and needs_nchw(network, layer.output) and not _same_memory(layer.shape)


def _same_memory(shape: tuple[int, ...]) -> bool:
    """Is a tensor [1, H, W, C] the same in both layouts?"""
    _, height, width, channels = shape
    return channels == 1 or height == width == 1


def _is_read(network: Network, picture: str) -> bool:
    return any(picture in dense.node.inputs for dense in network.dense)


def _renamed(names: list[str], new: dict[str, str]) -> list[str]:
    return [new.get(name, name) for name in names]


def _planes(source: str, output: str, shape: tuple[int, ...]) -> Layer:
    _, height, width, channels = shape
    return Layer(output + ".planes", "Planes", [source], output, (1, channels, height, width), (height, width))
