"""What TensorRT says while it builds an engine: of which layers it is made, and whether a state is copied."""

import re
from collections import namedtuple

# kind: `PluginV3`, `Reformat`, `NoOp` (a copy that turned out to be none), ... inputs, outputs: tensors' names.
Layer = namedtuple("Layer", "name kind inputs outputs")

# TensorRT 10 and TensorRT for RTX: "Name: l, LayerType: k, Inputs: [ { Name: x, Location: ..."
_NEW = re.compile(r"^Name: (.*), LayerType: (\w+), Inputs: \[(.*)\], (?:Constants: .*, )?Outputs: \[(.*)\], \w+: ")
_NEW_TENSOR = re.compile(r"\{ Name: (.*?), (?:Location|Dimensions): ")
# TensorRT 8: "Layer(k): l, Tactic: 0, x[Float(1,8,12,4)], y[Float(1,8,12,4)] -> z[Float(1,8,12,4)]"; 8.6 and 10 have it
# too, with "x (Float[1,8,12,4])".
_OLD = re.compile(r"^Layer\((.*?)\): (.*), Tactic: [^,]+, (.*) -> (.*)$")
_OLD_TENSOR = re.compile(r"(?:^|, )(.+?)(?:\[\w+\([^)]*\)[^\]]*\]| \(\w+\[[^\]]*\]\))")
_COPY = re.compile("reformat|copy|move", re.IGNORECASE)
_OURS = re.compile("plugin|custom_layer", re.IGNORECASE)  # kinds


def layers(message):
    """A message of the log -> [Layer] that it lists, in the order of execution."""
    found = []
    for line in message.splitlines():
        new, old = _NEW.match(line), _OLD.match(line)
        if new:
            name, kind, inputs, outputs = new.groups()
            found.append(Layer(name, kind, _NEW_TENSOR.findall(inputs), _NEW_TENSOR.findall(outputs)))
        elif old:
            kind, name, inputs, outputs = old.groups()
            found.append(Layer(name, kind, _OLD_TENSOR.findall(inputs), _OLD_TENSOR.findall(outputs)))
    return found


def copies(layers, states):
    """-> the layers that copy a state on its way into our operators, or out of them. states: those of the metadata.

    A state is read and written where it lies; only a dense node may read a copy.
    """
    inputs, outputs = ({state[key] for state in states} for key in ("input", "output"))

    def copied(layer):
        return outputs & set(layer.outputs) or inputs & set(layer.inputs) and not _is_for_dense_nodes(layer, layers)

    return [layer for layer in layers if _is_copy(layer) and copied(layer)]


def knows(layers, states):
    """Does any of them name a state? If none does, `copies` has nothing to go by."""
    named = {state[key] for state in states for key in ("input", "output")}
    return not named or any(named & {*layer.inputs, *layer.outputs} for layer in layers)


def _is_copy(layer):
    """Our operators have the names of the network's layers, whatever these are."""
    none = layer.kind == "NoOp" or _OURS.search(layer.kind)
    return not none and _COPY.search(layer.kind + " " + layer.name)


def _is_for_dense_nodes(copy, layers):
    """Do these alone read what it makes, or copies of that?"""
    later = layers[layers.index(copy) + 1 :]
    readers = [layer for layer in later if set(copy.outputs) & set(layer.inputs)]
    return bool(readers) and all(
        _is_for_dense_nodes(layer, later) if _is_copy(layer) else not _OURS.search(layer.kind) for layer in readers
    )
