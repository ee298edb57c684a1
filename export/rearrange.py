"""Nodes that only move values about: which output value is which input value?

A chain of Reshape, Transpose, Slice, Gather, ... is run once on the numbers of its input's elements. Whatever it is
made of, the result says what it does: a channel map (shuffle, split, slice, channel padding), or a space-to-depth
(YOLO's Focus), which the convolution behind it can do itself with a larger kernel and stride.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .folding import evaluate
from .graph import PSEUDO, Graph, Node

_LAYOUT = {
    "Reshape",
    "Transpose",
    "Slice",
    "Gather",
    "Split",
    "Squeeze",
    "Unsqueeze",
    "Flatten",
    "Pad",
    "SpaceToDepth",
    "Concat",
}
_MOVES = {"Reshape", "Transpose", "Squeeze", "Unsqueeze"}


@dataclass
class Rearrangement:
    """out[c, y, x] = source[channels[c], y * strides[0] + rows[c], x * strides[1] + columns[c]]; 0 for channel -1."""

    source: str
    nodes: list[Node]
    channels: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    strides: tuple[int, int]

    @property
    def is_channel_map(self) -> bool:
        return self.strides == (1, 1) and not self.rows.any() and not self.columns.any()


def map_channels(graph: Graph) -> bool:
    """Channel shuffles, splits, slices and padding become ChannelMap nodes. Last ones first: what led there dies."""
    changed = False
    for node in reversed(list(graph.nodes)):
        if node.domain or node.op_type not in _LAYOUT or not _is_used(graph, node):
            continue
        found = {name: move for name in node.outputs if (move := find(graph, name)) and move.is_channel_map}
        if len(found) < len(node.outputs):
            continue
        graph.replace(node, *(_channel_map(name, move) for name, move in found.items()))
        graph.prune()
        changed = True
    return changed


def _is_used(graph: Graph, node: Node) -> bool:
    return any(name in graph.outputs or graph.users(name) for name in node.outputs)


def _channel_map(output: str, move: Rearrangement) -> Node:
    attributes = {"channels": [int(c) for c in move.channels]}
    return Node("ChannelMap", [move.source], [output], attributes, "", PSEUDO, tuple(move.nodes))


def join_channel_maps(graph: Graph) -> bool:
    """A map of a map is one map of its input, where the inner one has no other use."""
    changed = False
    for node in list(graph.nodes):
        inner = graph.producer(node.inputs[0]) if node.op_type == "ChannelMap" and node.domain == PSEUDO else None
        if inner is None or inner.domain != PSEUDO or inner.op_type != "ChannelMap" or inner.output in graph.outputs:
            continue
        if any(user.op_type != "ChannelMap" or user.domain != PSEUDO for user in graph.users(inner.output)):
            continue
        before = inner.get("channels")
        node.attributes["channels"] = [before[c] if c >= 0 else -1 for c in node.get("channels")]
        node.inputs = list(inner.inputs)
        node.originals = tuple(dict.fromkeys((*inner.originals, *node.originals)))
        graph.touch()
        changed = True
    graph.prune()
    return changed


def fold_space_to_depth(graph: Graph) -> bool:
    """conv(space to depth(X)) = a convolution of X with the taps spread over s times the kernel, s times the stride."""
    changed = False
    for node in reversed(list(graph.nodes)):
        if node.domain or node.op_type not in _LAYOUT or len(node.outputs) != 1 or node.output in graph.outputs:
            continue
        users = graph.users(node.output)
        if not users or not all(_can_spread(graph, user, node.output) for user in users):
            continue
        move = find(graph, node.output)
        if move is None or move.strides == (1, 1) or max(move.strides) > 8:
            continue
        if (move.rows < 0).any() or (move.rows >= move.strides[0]).any() or (move.columns >= move.strides[1]).any():
            continue
        for user in users:
            graph.replace(user, _spread(graph, user, move))
        graph.prune()
        changed = True
    return changed


def _can_spread(graph: Graph, node: Node, tensor: str) -> bool:
    return (
        node.op_type == "Conv"
        and not node.domain
        and node.inputs[0] == tensor
        and node.inputs[1] in graph.constants
        and node.get("group", 1) == 1
        and set(node.get("dilations", [1])) == {1}
        and node.get("auto_pad", "NOTSET") in ("NOTSET", "VALID")
    )


def _spread(graph: Graph, node: Node, move: Rearrangement) -> Node:
    weight = graph.constants[node.inputs[1]]
    (sy, sx), (outputs, _, height, width) = move.strides, weight.shape
    spread = np.zeros((outputs, graph.shapes[move.source][1], height * sy, width * sx), weight.dtype)
    for c, (channel, row, column) in enumerate(zip(move.channels, move.rows, move.columns)):
        if channel >= 0:
            spread[:, channel, row::sy, column::sx] += weight[:, c]
    strides, pads = node.get("strides", [1, 1]), node.get("pads", [0, 0, 0, 0])
    attributes = {
        "kernel_shape": list(spread.shape[2:]),
        "strides": [strides[0] * sy, strides[1] * sx],
        "pads": [pads[0] * sy, pads[1] * sx, pads[2] * sy, pads[3] * sx],
    }
    inputs = [move.source, graph.add_constant(node.inputs[1] + ".spread", spread), *node.inputs[2:]]
    return Node("Conv", inputs, node.outputs, attributes, node.name)


def find(graph: Graph, tensor: str) -> Rearrangement | None:
    """How a [1, C', H', W'] tensor is rearranged from the nearest [1, C, H, W] tensor that all of it comes from."""
    if not graph.is_image(tensor):
        return None
    for source in _sources(graph, tensor):
        if not graph.is_image(source):
            continue
        size = graph.shapes[source]
        numbers = np.arange(1, np.prod(size) + 1, dtype=np.int64).reshape(size)
        nodes = between(graph, tensor, {source})
        moved = evaluate(graph, nodes, tensor, {source: numbers})
        move = _describe(moved[0] - 1, size[1:]) if moved is not None and moved.ndim == 4 else None
        if move:
            return Rearrangement(source, nodes, *move)
    return None


def _sources(graph: Graph, tensor: str) -> list[str]:
    """Tensors that `tensor` is made of alone, by moving values; nearest first."""
    node = _layout_node(graph, tensor)
    if node is None:
        return []
    data = dict.fromkeys(node.inputs if node.op_type == "Concat" else node.inputs[:1])
    lines = [[name, *_sources(graph, name)] for name in data]
    return [name for name in lines[0] if all(name in line for line in lines[1:])]


def _layout_node(graph: Graph, tensor: str) -> Node | None:
    """The node that makes `tensor` when all it does is move values or put zeros between them."""
    node = graph.producer(tensor)
    if node is None or node.domain or node.op_type not in _LAYOUT:
        return None
    if node.op_type != "Concat" and any(name and name not in graph.constants for name in node.inputs[1:]):
        return None
    if node.op_type == "Pad":
        value = graph.parameter(node, "value", 2, 0.0)
        if node.get("mode", "constant") != "constant" or value is None or np.any(value):
            return None
    return node


def between(graph: Graph, tensor: str, sources: set[str]) -> list[Node]:
    """The layout nodes from `sources` to `tensor`, in the graph's order."""
    found, rest = set(), [tensor]
    while rest:
        name = rest.pop()
        node = None if name in sources else _layout_node(graph, name)
        if node is not None and id(node) not in found:
            found.add(id(node))
            rest.extend(node.inputs if node.op_type == "Concat" else node.inputs[:1])
    return [node for node in graph.nodes if id(node) in found]


def _describe(moved: np.ndarray, size: tuple[int, ...]):
    """moved int [C', H', W'], element numbers of [C, H, W] or -1 -> channels, rows, columns, strides; or None."""
    (_, height, width), (_, rows, columns) = moved.shape, size
    if rows % height or columns % width:
        return None
    sy, sx = rows // height, columns // width
    first = moved[:, 0, 0]
    steps = np.arange(height)[:, None] * (sy * columns) + np.arange(width) * sx
    expected = np.where(first[:, None, None] >= 0, first[:, None, None] + steps, -1)
    if not np.array_equal(moved, expected):
        return None
    channels = np.where(first >= 0, first // (rows * columns), -1)
    within = np.where(first >= 0, first % (rows * columns), 0)
    return channels, within // columns, within % columns, (sy, sx)


def flatten_tails(graph: Graph) -> bool:
    """[1, N, C] tensors that are the pixels of [1, C, Hi, Wi] tensors, one tensor after the other, become Flatten."""
    changed = False
    for node in reversed(list(graph.nodes)):
        shape = graph.shapes.get(node.output, ())
        if node.domain or len(shape) != 3 or shape[0] != 1 or not _is_used(graph, node) or node.op_type not in _LAYOUT:
            continue
        leaves = _images(graph, node.output)
        sources = _pixels(graph, node.output, leaves) if leaves else None
        if not sources:
            continue
        originals = tuple(between(graph, node.output, set(sources)))
        graph.replace(node, Node("Flatten", sources, [node.output], {}, "", PSEUDO, originals))
        graph.prune()
        changed = True
    return changed


def _images(graph: Graph, tensor: str) -> list[str]:
    """The nearest [1, C, H, W] tensors that `tensor` is made of; [] when it is made of something else too."""
    node = _layout_node(graph, tensor)
    if node is None:
        return []
    found: dict[str, None] = {}
    for name in node.inputs if node.op_type == "Concat" else node.inputs[:1]:
        maker = graph.producer(name)
        moved = maker is not None and maker.op_type in _MOVES  # [1, H, W, C] has four dimensions as well
        images = [] if graph.is_image(name) and not moved else _images(graph, name)
        images = images or ([name] if graph.is_image(name) else [])
        if not images:
            return []
        found.update(dict.fromkeys(images))
    return list(found)


def _pixels(graph: Graph, tensor: str, images: list[str]) -> list[str] | None:
    """The images in the order in which their pixels stand in `tensor` [1, N, C]; None when it is not so."""
    numbers, expected, start = {}, {}, 0
    for name in images:
        shape = graph.shapes[name]
        count = int(np.prod(shape))
        numbers[name] = np.arange(start, start + count, dtype=np.int64).reshape(shape)
        expected[start] = name
        start += count
    flat = evaluate(graph, between(graph, tensor, set(images)), tensor, numbers)
    if flat is None or flat.ndim != 3 or flat.size != start:
        return None
    order, row = [], 0
    while row < flat.shape[1]:
        name = expected.get(int(flat[0, row, 0]), "")
        if not name or graph.shapes[name][1] != flat.shape[2]:
            return None
        pixels = numbers[name][0].reshape(flat.shape[2], -1).T
        if not np.array_equal(flat[0, row : row + len(pixels)], pixels):
            return None
        order.append(name)
        row += len(pixels)
    return order
