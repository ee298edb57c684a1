"""Cutting a network in two: layers that work patch by patch, and nodes that stay as they are."""

from __future__ import annotations

from dataclasses import dataclass, field

from .graph import Graph, Node
from .layers import Layer, NotLocal, node_macs, to_layer


@dataclass(eq=False)
class Entry:
    """An NCHW tensor brought into the local region: an image input, or what a dense node made."""

    tensor: str
    shape: tuple[int, ...]  # [1, C, H, W]


@dataclass(eq=False)
class Dense:
    node: Node
    reason: str
    macs: int


@dataclass
class Network:
    """`steps` in an order in which they can run."""

    graph: Graph
    steps: list[Layer | Dense | Entry] = field(default_factory=list)

    @property
    def layers(self) -> list[Layer]:
        return [step for step in self.steps if isinstance(step, Layer)]

    @property
    def dense(self) -> list[Dense]:
        return [step for step in self.steps if isinstance(step, Dense)]

    @property
    def entries(self) -> list[Entry]:
        return [step for step in self.steps if isinstance(step, Entry)]

    def readers(self, tensor: str) -> list[Layer | Dense]:
        found: list[Layer | Dense] = [layer for layer in self.layers if tensor in layer.inputs]
        return found + [dense for dense in self.dense if tensor in dense.node.reads()]

    def only_reader(self, tensor: str) -> Layer | None:
        """The one layer that reads the tensor once; None when anything else reads it too."""
        if tensor in self.graph.outputs:
            return None
        readers = self.readers(tensor)
        first = readers[0] if len(readers) == 1 else None
        return first if isinstance(first, Layer) and first.inputs.count(tensor) == 1 else None


def localise(graph: Graph) -> Network:
    """Nodes whose inputs are local become layers.

    The local region begins at image inputs, and again behind a dense node when there are multiplications to save there.
    """
    made: dict[int, list[Layer] | str] = {}
    for node in graph.nodes:
        try:
            made[id(node)] = to_layer(graph, node)
        except NotLocal as error:
            made[id(node)] = str(error)
    worthwhile = _leads_to_macs(graph, made)
    network, local, emitted = Network(graph), set(), set()
    for node in graph.nodes:
        layers = made[id(node)]
        if not isinstance(layers, str):
            own = {layer.output for layer in layers}
            outside = [n for layer in layers for n in layer.inputs if n not in local and n not in own]
            strangers = [name for name in outside if name not in graph.inputs]
            if strangers and not (worthwhile[node.output] and node.op_type != "Flatten"):
                layers = f"its input {strangers[0]} comes from a node that is dense"
            else:
                for name in dict.fromkeys(outside):
                    at = 0 if name in graph.inputs else len(network.steps)
                    network.steps.insert(at, Entry(name, graph.shapes[name]))
                    local.add(name)
                network.steps.extend(layers)
                local.update(layer.output for layer in layers if not layer.leaves)
        if isinstance(layers, str):
            for part in node.originals or (node,):
                if id(part) not in emitted:
                    emitted.add(id(part))
                    network.steps.append(Dense(part, layers, node_macs(graph, part)))
    return network


def _leads_to_macs(graph: Graph, made: dict[int, list[Layer] | str]) -> dict[str, bool]:
    """tensor -> does its layer, or some layer behind it, multiply?"""
    leads: dict[str, bool] = {}
    for node in reversed(graph.nodes):
        layers = made[id(node)]
        here = not isinstance(layers, str) and any(layer.macs for layer in layers)
        behind = any(leads[user.output] for user in graph.users(node.output) if not isinstance(made[id(user)], str))
        leads.update(dict.fromkeys(node.outputs, here or behind))
    return leads


def fuse(network: Network) -> None:
    """Activations go into the layer before them, sums into a convolution they add to."""
    for layer in network.layers:
        if layer.op_type == "Identity":
            _fuse_activation(network, layer)
    for layer in network.layers:
        if layer.op_type == "Add" and not layer.weights:
            _fuse_residual(network, layer)
    _name_apart(network.layers)


def _name_apart(layers: list[Layer]) -> None:
    """Layers are known by their names: no two may share one."""
    taken: set[str] = set()
    for layer in layers:
        if layer.name in taken:
            layer.name = layer.output
        while layer.name in taken:
            layer.name += "_"
        taken.add(layer.name)


def _maker(network: Network, tensor: str) -> Layer | None:
    return next((layer for layer in network.layers if layer.output == tensor), None)


def _fuse_activation(network: Network, layer: Layer) -> None:
    before = _maker(network, layer.inputs[0])
    if before is None or before.activation != "None" or network.only_reader(before.output) is not layer:
        return
    before.output, before.activation, before.activation_params = layer.output, layer.activation, layer.activation_params
    network.steps.remove(layer)


def _fuse_residual(network: Network, layer: Layer) -> None:
    """Y = act(conv + r), or act(conv) + r. Of two convolutions the later takes it: there the other is known."""
    convs = [_maker(network, name) for name in layer.inputs]
    able = [
        conv
        for conv in convs
        if conv is not None
        and conv.op_type in ("Conv", "ConvTranspose", "DeformConv")
        and "residual" not in conv.attributes
        and network.only_reader(conv.output) is layer
        and "None" in (conv.activation, layer.activation)
    ]
    if not able:
        return
    conv = max(able, key=network.steps.index)
    other = layer.inputs[1 - layer.inputs.index(conv.output)]
    conv.attributes["residual"] = "before" if conv.activation == "None" else "after"
    if conv.activation == "None":
        conv.activation, conv.activation_params = layer.activation, layer.activation_params
    conv.inputs = [*conv.inputs, other]
    conv.output = layer.output
    network.steps.remove(conv)
    network.steps[network.steps.index(layer)] = conv
