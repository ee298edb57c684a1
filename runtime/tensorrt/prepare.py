"""Exported model -> the model that an engine is built of: docs/op-spec.md, "Prepared models"."""

import json
from typing import Dict, Set, Tuple

import numpy as np

from patchskip.plugins.cuda import planning
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.model import read_metadata

from . import onnx_file
from .precision import DOMAIN, set_precision


def prepare(data, precision, name="the model"):
    """An exported model's file -> that of the prepared model. precision: `float32` or `float16`, of the activations.

    Raises PatchskipError when `data` is no exported model (`name` is what the message calls it), and when a node is not
    as docs/op-spec.md has it.
    """
    model = onnx_file.read(data)
    metadata = read_metadata(model.property(DOMAIN), name)
    if "precision" in metadata:
        raise PatchskipError("{} is prepared already; give the model that it was made from".format(name))
    precision = np.dtype(precision)
    set_precision(model.graph, metadata, precision)
    for node in model.graph.nodes:
        if node.domain == DOMAIN and node.op_type != "PatchMask":
            node.set_attribute("half", int(precision == np.float16))
    carry_pictures(model.graph)
    metadata["workspace_bytes"] = pack_constants(model.graph, precision, metadata["masks"])
    model.graph.value_info = []
    model.set_property(DOMAIN, json.dumps(metadata))
    return model.encode()


def carry_pictures(graph):
    """TensorRT knows no bytes between its layers: an input of uint8 becomes one of int32 words, with the same memory,
    and the nodes that read it are told its shape.
    """
    inputs = []
    for value in graph.inputs:
        if value.dtype == np.uint8:
            readers = [node for node in graph.nodes if value.name in node.inputs]
            foreign = [node for node in readers if node.domain != DOMAIN]
            if foreign:
                raise PatchskipError(
                    "the picture {} is read by the dense node {}; export with --input float".format(
                        value.name, foreign[0].name or foreign[0].op_type
                    )
                )
            for node in readers:
                node.set_attribute("picture", list(value.shape))
            value = onnx_file.Value.of(value.name, np.int32, [-(-int(np.prod(value.shape)) // 4)])
        inputs.append(value)
    graph.inputs = inputs


def pack_constants(graph, precision, masks=()):
    """Each node's weights become one constant, as the kernels read them; the planner has checked every node then.

    masks: those of the metadata.
    -> bytes of the largest workspace that a node needs.
    """
    constants = {tensor.name: tensor for tensor in graph.initializers}
    known = {value.name: (value.shape, value.dtype) for value in graph.inputs}
    nodes = [node for node in graph.nodes if node.domain == DOMAIN]
    known.update(_made_by_others(nodes, known, masks))
    replaced: Set[str] = set()
    workspace = 0
    for node in nodes:
        inputs = [constants[name].array() if name in constants else known.get(name) for name in node.inputs]
        attributes = node.attributes
        try:
            words, indices = planning.pack(node.op_type, attributes, inputs, precision)
            kept = [i for i in range(len(inputs)) if i not in indices]
            names, described = [node.inputs[i] for i in kept], [inputs[i] for i in kept]
            if words.size:
                names.append(node.outputs[0] + ".constants")
                described.append((words.shape, words.dtype))
                constants[names[-1]] = onnx_file.Tensor.of(names[-1], words)
                node.set_attribute("constants", words.size)
            plan = planning.Plan(node.op_type, node.attributes, described, len(node.outputs))
        except PatchskipError as error:
            raise PatchskipError("the node {}: {}".format(node.name or node.outputs[0], error)) from None
        replaced.update(node.inputs[i] for i in indices)
        node.inputs = names
        known.update(zip(node.outputs, plan.outputs))
        workspace = max(workspace, plan.workspace_bytes)
    read = {name for node in graph.nodes for name in node.inputs}
    graph.initializers = [tensor for name, tensor in constants.items() if name in read or name not in replaced]
    return workspace


def _made_by_others(nodes, known, masks):
    """What dense nodes make and ours read, masks and what `Image` reads -> {name: (shape, dtype)}."""
    ours = {name for node in nodes for name in node.outputs}
    found: Dict[str, Tuple[tuple, np.dtype]] = {}
    for mask in masks:
        if mask["name"] not in ours:
            grid = tuple(-(-extent // mask["patch"]) for extent in mask["size"])
            found[mask["name"]] = grid, np.dtype(np.int32)
    for node in nodes:
        attributes = node.attributes
        if attributes.get("op_type") == "Image" and node.inputs[2] not in known:
            (_, height, width, channels), _ = known[node.inputs[1]]
            nchw = attributes.get("layout") == "NCHW"
            shape = (1, channels, height, width) if nchw else (1, height, width, channels)
            found[node.inputs[2]] = shape, np.dtype(np.float32)
    return found
