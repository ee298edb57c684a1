"""The type of the activations that PatchSkip nodes hand to each other and keep: docs/op-spec.md, "float16"."""

import numpy as np

from . import onnx_file

DOMAIN = "patchskip"
FLOAT32 = np.dtype(np.float32)


def set_precision(graph, metadata, precision):
    """Changes both. The network's own inputs and outputs keep their types, by Cast nodes, and all tensors their names.

    Only the output that is also a state is two tensors from then on, and the state's has another name.
    """
    names = {value.name for value in graph.inputs + graph.outputs}
    names.update(name for node in graph.nodes for name in node.inputs + node.outputs)
    skips = [node for node in graph.nodes if node.domain == DOMAIN and node.op_type == "PatchSkip"]
    casts = {}  # activation -> its float32 form
    for entry in metadata["outputs"] if precision != FLOAT32 else []:
        if any(entry["name"] == node.outputs[0] for node in skips):
            kept = _new_name(entry["name"] + "." + precision.name, names)
            _rename(skips, entry["name"], kept)
            casts[kept] = entry["name"]
            for state in metadata["states"]:
                if state["output"] == entry["name"]:
                    state["output"] = kept
                    graph.outputs += [onnx_file.Value.of(kept, precision, state["shape"])]
    _set_types(graph, metadata, precision)
    if precision != FLOAT32:
        activations = {node.outputs[0] for node in skips}
        activations.update(state["input"] for state in metadata["states"] if state["kind"] == "cache")
        for name in sorted(_read_by_others(graph) & activations):
            casts[name] = _new_name(name + ".float32", names)
        _insert(graph, casts)
    metadata["precision"] = precision.name


def _set_types(graph, metadata, precision):
    values = {value.name: value for value in graph.inputs + graph.outputs}
    for state in metadata["states"]:
        dtype = precision if state["kind"] == "cache" else FLOAT32
        state["dtype"] = dtype.name
        values[state["input"]].dtype = values[state["output"]].dtype = dtype


def _rename(nodes, old, new):
    for node in nodes:
        node.inputs = [new if name == old else name for name in node.inputs]
        node.outputs = [new if name == old else name for name in node.outputs]


def _read_by_others(graph):
    return {name for node in graph.nodes if node.domain != DOMAIN for name in node.inputs}


def _insert(graph, casts):
    """A Cast of each input in `casts` and behind each node that makes one; what is not ours reads the result."""
    nodes = [_cast(value.name, casts[value.name]) for value in graph.inputs if value.name in casts]
    for node in graph.nodes:
        if node.domain != DOMAIN:
            node.inputs = [casts.get(name, name) for name in node.inputs]
        nodes.append(node)
        if node.domain == DOMAIN and node.outputs[0] in casts:
            nodes.append(_cast(node.outputs[0], casts[node.outputs[0]]))
    graph.nodes = nodes


def _cast(name, to):
    made = onnx_file.Node(op_type="Cast", name=to + ".cast", inputs=[name], outputs=[to])
    made.set_attribute("to", onnx_file.FLOAT32)
    return made


def _new_name(name, taken):
    while name in taken:
        name += "_"
    taken.add(name)
    return name
