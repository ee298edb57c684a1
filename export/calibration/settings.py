"""The gates of an exported model, and the model with other thresholds and cells: the graph stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import onnx
from onnx import helper

from patchskip.runtime.errors import PatchskipError

from ..gate_file import Gate
from ..metadata import metadata_of, set_metadata


class Gates:
    """By name: `gates`, as a gates file has them, and `patches`, the sides of their patches, which their cells divide.
    `sizes`: (height, width) of the tensors that they stand at. `pictures`: the names of those that stand at a picture.
    """

    def __init__(self, model: onnx.ModelProto, name: str = "the model"):
        self._model = model
        self.gates: dict[str, Gate] = {}
        self.patches: dict[str, int] = {}
        self.sizes: dict[str, tuple[int, int]] = {}
        self.pictures: list[str] = []
        metadata = metadata_of(model, name)
        shapes = {layer["name"]: layer["shape"] for layer in metadata["layers"]}
        for node in model.graph.node:
            values = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
            key = _name(node)
            if node.op_type == "PatchGate" and values["mode"] == b"delta":
                self.pictures.append(key)
            elif node.op_type != "PatchSkip" or not values.get("threshold", 0) > 0:
                continue
            weights = np.array(values["weights"], np.float32) if "weights" in values else None
            self.gates[key] = Gate(values["threshold"], values.get("cell", 1), weights, values["patch"])
            self.patches[key] = values["patch"]
            self.sizes[key] = tuple(shapes[key][1:3])
        if not self.gates:
            raise PatchskipError(f"{name} has no gates with a threshold; export it with --gate delta")

    def given(self, values: Mapping[str, Gate], source: str) -> dict[str, Gate]:
        """The thresholds and cells of a gates file, for exactly the gates that there are. Raises PatchskipError."""
        wrong = sorted(set(values) ^ set(self.gates))
        if wrong:
            raise PatchskipError(
                f"{source} {'names' if wrong[0] in values else 'lacks'} {wrong[0]} and does not fit the model, which "
                f"has gates at {', '.join(list(self.gates)[:5])}, ...; `patchskip inspect --layers` lists them"
            )
        values = {name: gate.on(self.patches[name]) for name, gate in values.items()}
        for name, gate in values.items():
            patch, weights = self.patches[name], self.gates[name].weights
            if not 0 < gate.threshold < float("inf"):
                raise PatchskipError(f"{source} has the threshold {gate.threshold} for {name}; it must be above 0")
            if patch % (gate.cell or 1):
                raise PatchskipError(f"{source}: cells of {gate.cell} at {name} do not divide its patches, of {patch}")
            if gate.weights is not None and (weights is None or not np.array_equal(gate.weights, weights)):
                raise PatchskipError(
                    f"{source} has weights for {name} that the model has not; export with --gates first"
                )
        return {
            name: replace(gate, threshold=values[name].threshold, cell=values[name].cell or gate.cell)
            for name, gate in self.gates.items()
        }

    def scaled(self, factor: float) -> dict[str, Gate]:
        """The gates with all thresholds times `factor`."""
        return {name: replace(gate, threshold=factor * gate.threshold) for name, gate in self.gates.items()}

    def model(self, settings: Mapping[str, Gate]) -> onnx.ModelProto:
        """The model with these thresholds and cells; a gate that `settings` does not name is as it was read."""
        result = onnx.ModelProto()
        result.CopyFrom(self._model)
        metadata = metadata_of(result)
        for node in result.graph.node:
            if node.op_type in ("PatchGate", "PatchSkip") and _name(node) in settings:
                gate = settings[_name(node)]
                _set(node, threshold=float(gate.threshold), cell=int(gate.cell or 1))
                if node.op_type == "PatchGate":
                    _resize_reference(result, metadata, node, gate.cell or 1)
        for row in metadata.get("gates", []):
            if row["name"] in settings:
                row.update(threshold=float(settings[row["name"]].threshold), cell=settings[row["name"]].cell)
        if settings:
            metadata["threshold"] = None  # no share of the means any more
        set_metadata(result, metadata)
        return result


def _name(node: onnx.NodeProto) -> str:
    """A gate's name: the layer's, or that of the picture's tensor."""
    return node.input[0] if node.op_type == "PatchGate" else node.name


def _resize_reference(model: onnx.ModelProto, metadata: dict, node: onnx.NodeProto, cell: int) -> None:
    """A picture's reference has a value for each cell."""
    height, width = next(mask["size"] for mask in metadata["masks"] if mask["name"] == node.output[0])
    rows, columns = -(-height // cell), -(-width // cell)
    for value in (*model.graph.input, *model.graph.output):
        if value.name in (node.input[1], node.output[1]):
            dims = value.type.tensor_type.shape.dim
            dims[0].dim_value, dims[1].dim_value = rows, columns
    state = next(state for state in metadata["states"] if state["input"] == node.input[1])
    state["shape"][:2] = [rows, columns]


def _set(node: onnx.NodeProto, **values) -> None:
    kept = [attribute for attribute in node.attribute if attribute.name not in values]
    made = [helper.make_attribute(key, value) for key, value in values.items()]
    del node.attribute[:]
    node.attribute.extend(sorted(kept + made, key=lambda attribute: attribute.name))
