"""A small mutable graph over ONNX protos: nodes in topological order, constants as arrays, shapes as tuples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

PSEUDO = "patchskip.export"  # domain of the nodes that stand for several standard ones until the local region is known


@dataclass(eq=False)
class Node:
    op_type: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)  # an AttributeProto as loaded, or a Python value
    name: str = ""
    domain: str = ""
    originals: tuple[Node, ...] = ()  # of a pseudo node: the standard nodes it stands for

    def get(self, name: str, default: Any = None) -> Any:
        value = self.attributes.get(name, default)
        if isinstance(value, AttributeProto):
            value = helper.get_attribute_value(value)
        return value.decode() if isinstance(value, bytes) else value

    @property
    def output(self) -> str:
        return self.outputs[0]

    @property
    def label(self) -> str:
        """How messages name the node."""
        return self.name or self.outputs[0]

    def reads(self) -> Iterator[str]:
        """Every tensor the node needs, those its subgraphs capture included."""
        yield from (name for name in self.inputs if name)
        for attribute in self.attributes.values():
            if isinstance(attribute, AttributeProto):
                for graph in [attribute.g, *attribute.graphs]:
                    yield from _captured(graph)

    def proto(self) -> NodeProto:
        node = helper.make_node(self.op_type, self.inputs, self.outputs, self.name or None, domain=self.domain)
        for name, value in self.attributes.items():
            attribute = value if isinstance(value, AttributeProto) else helper.make_attribute(name, value)
            node.attribute.append(attribute)
        return node


def _captured(graph: onnx.GraphProto) -> Iterator[str]:
    own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        for name in Node("", list(node.input), [], {a.name: a for a in node.attribute}).reads():
            if name not in own:
                yield name
        own.update(node.output)


class Names:
    """The names of a graph's tensors, so that new ones are told apart from them."""

    def __init__(self, taken: Iterable[str]):
        self.taken = set(taken)

    def new(self, stem: str) -> str:
        name, count = stem, 1
        while name in self.taken:
            count += 1
            name = f"{stem}.{count}"
        self.taken.add(name)
        return name


class Graph:
    """Change nodes through `replace`, `remove` and `redirect`: they keep the indexes right."""

    def __init__(self, model: onnx.ModelProto):
        graph = model.graph
        self.ir_version = model.ir_version
        self.opsets = {entry.domain: entry.version for entry in model.opset_import}
        self.name = graph.name
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.inputs = {v.name: v for v in graph.input if v.name not in self.constants}
        self.outputs = {v.name: v for v in graph.output}
        self.nodes = [
            Node(
                n.op_type,
                list(n.input),
                list(n.output),
                {a.name: a for a in n.attribute},
                n.name,
                "" if n.domain == "ai.onnx" else n.domain,
            )
            for n in graph.node
        ]
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.types: dict[str, int] = {}
        self._users: dict[str, list[Node]] | None = None
        self._producers: dict[str, Node] = {}
        self.names = Names(name for node in self.nodes for name in (*node.inputs, *node.outputs))
        self.names.taken |= set(self.constants) | set(self.inputs)
        self.infer()

    @property
    def opset(self) -> int:
        return self.opsets.get("", 1)

    # -- questions

    def _index(self) -> dict[str, list[Node]]:
        if self._users is None:
            users = defaultdict(list)
            for node in self.nodes:
                for name in dict.fromkeys(node.reads()):
                    users[name].append(node)
            self._users = users
            self._producers = {name: node for node in self.nodes for name in node.outputs if name}
        return self._users

    def users(self, tensor: str) -> list[Node]:
        return self._index().get(tensor, [])

    def producer(self, tensor: str) -> Node | None:
        self._index()
        return self._producers.get(tensor)

    def only_user(self, tensor: str) -> Node | None:
        """The one node that reads the tensor, None when several do or the caller of the network does."""
        users = self.users(tensor)
        return users[0] if len(users) == 1 and tensor not in self.outputs else None

    def constant(self, tensor: str) -> np.ndarray | None:
        return self.constants.get(tensor)

    def parameter(self, node: Node, name: str, position: int, default: Any = None) -> Any:
        """A node's setting that older opsets keep in an attribute, newer ones in an input. It must be constant.

        -> array, attribute value or `default`; None when it is computed at run time.
        """
        if name in node.attributes:
            return node.get(name)
        if len(node.inputs) > position and node.inputs[position]:
            return self.constant(node.inputs[position])
        return default

    def is_image(self, tensor: str) -> bool:
        """float32 [1, C, H, W]?"""
        shape = self.shapes.get(tensor, ())
        return len(shape) == 4 and shape[0] == 1 and self.types.get(tensor) == TensorProto.FLOAT

    # -- changes

    def touch(self) -> None:
        """Say that nodes were changed by hand."""
        self._users = None

    def new_name(self, stem: str) -> str:
        return self.names.new(stem)

    def add_constant(self, stem: str, value: np.ndarray) -> str:
        name = self.new_name(stem)
        self.constants[name] = np.ascontiguousarray(value)
        self.shapes[name] = tuple(np.shape(value))
        self.types[name] = helper.np_dtype_to_tensor_dtype(np.asarray(value).dtype)
        return name

    def add_tensor(self, stem: str, like: str, shape: Iterable[int] | None = None) -> str:
        name = self.new_name(stem)
        self.shapes[name] = tuple(shape) if shape is not None else self.shapes[like]
        self.types[name] = self.types[like]
        return name

    def replace(self, old: Node, *new: Node) -> None:
        """Put `new`, which makes the same tensors, where `old` was."""
        at = self.nodes.index(old)
        self.nodes[at : at + 1] = new
        self.touch()

    def remove(self, node: Node) -> bool:
        """Take out a node that passes input 0 on unchanged. False when names of the network's own forbid it."""
        source, target = node.inputs[0], node.output
        if target in self.outputs:
            producer = self.producer(source)
            if producer is None or source in self.outputs or producer.originals:
                return False
            producer.outputs = [target if name == source else name for name in producer.outputs]
            self.nodes.remove(node)
            self.touch()
            self.redirect(source, target)
        else:
            self.nodes.remove(node)
            self.touch()
            self.redirect(target, source)
        return True

    def redirect(self, old: str, new: str) -> None:
        """Every node that reads `old` reads `new`."""
        for user in self.users(old):
            for node in (user, *user.originals):
                node.inputs = [new if name == old else name for name in node.inputs]
        self.touch()

    def prune(self) -> bool:
        """Drop nodes and constants that nothing needs."""
        needed, kept = set(self.outputs), []
        for node in reversed(self.nodes):
            if needed & set(node.outputs):
                kept.append(node)
                needed.update(node.reads())
                for original in node.originals:
                    needed.update(name for name in original.reads() if name in self.constants)
        dropped = len(kept) < len(self.nodes)
        self.nodes = kept[::-1]
        self.constants = {name: value for name, value in self.constants.items() if name in needed}
        self.touch()
        return dropped

    # -- to protos

    def standard_nodes(self) -> list[Node]:
        """The nodes, each pseudo node as the standard ones it stands for."""
        seen: dict[int, Node] = {}
        for node in self.nodes:
            for part in node.originals or (node,):
                seen.setdefault(id(part), part)
        return list(seen.values())

    def infer(self) -> None:
        """Shapes and types of every tensor, by ONNX shape inference; weights are left out of it, being large."""
        inputs, small = list(self.inputs.values()), []
        for name, value in self.constants.items():
            if value.dtype.kind in "iub" and value.size <= 4096 or value.size <= 16:
                small.append(numpy_helper.from_array(value, name))
            else:
                kind = helper.np_dtype_to_tensor_dtype(value.dtype)
                inputs.append(helper.make_tensor_value_info(name, kind, value.shape))
        protos = [node.proto() for node in self.standard_nodes()]
        proto = helper.make_graph(protos, "shapes", inputs, list(self.outputs.values()), small)
        opsets = [helper.make_opsetid(domain, version) for domain, version in self.opsets.items()]
        model = helper.make_model(proto, opset_imports=opsets, ir_version=max(self.ir_version, 4))
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        for value in [*inferred.value_info, *inferred.input, *inferred.output]:
            dims = value.type.tensor_type.shape.dim
            if value.type.tensor_type.HasField("shape") and all(d.HasField("dim_value") for d in dims):
                self.shapes[value.name] = tuple(d.dim_value for d in dims)
            self.types[value.name] = value.type.tensor_type.elem_type
        for name, value in self.constants.items():
            self.shapes[name] = value.shape
            self.types[name] = helper.np_dtype_to_tensor_dtype(value.dtype)
