"""Network -> the ONNX model with PatchMask, PatchGate and PatchSkip nodes that docs/op-spec.md describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from .chaining import chain, chains, joins
from .gate_file import Gate
from .geometry import Size
from .graph import Names
from .keeping import kept
from .layers import Layer
from .masks import Mask, Masks
from .metadata import set_metadata
from .network import Dense, Entry, Network
from .pass_gates import TrainedGate
from .pass_nodes import Seen, pass_nodes
from .planes import needs_nchw, with_planes
from .widening import widened

DOMAIN = "patchskip"
_WEIGHTS = ("inner.weight", "inner.bias", "weight", "bias")
_NO_CACHE = ""
_WHY_PASS = "a PASS gate looks at the whole of its input on every frame"
_TO_NCHW = (0, 3, 1, 2)  # of an NHWC tensor


@dataclass
class Options:
    """What emission needs to know besides the network.

    gates: by layer or entry name, each with its cell; empty in exact mode. threshold: the share that they came from, if
    they did. pass_gates: by the layer or entry that they decide for.
    """

    patch: int = 16
    gate: str = "exact"
    threshold: float | None = 0.0
    gates: Mapping[str, Gate] = field(default_factory=dict)
    pass_gates: Mapping[str, TrainedGate] = field(default_factory=dict)
    halo: bool = True
    radius: int | None = None  # of deformable convolutions (geometry.windows)
    u8: bool = False
    image_attributes: Mapping = field(default_factory=dict)  # with u8: channels, scale, bias
    extra: Mapping = field(default_factory=dict)  # further metadata


def emit(network: Network, image: Size, options: Options) -> onnx.ModelProto:
    """image: the size of the picture that `options.patch` refers to."""
    return _Emitter(network, image, options).model()


class _Emitter:
    def __init__(self, network: Network, image: Size, options: Options):
        self.graph, self.options = network.graph, options
        self.names = Names(self.graph.names.taken)  # of its own: a network may be emitted again
        self.pictures = {e.tensor for e in network.entries if e.tensor in self.graph.inputs} if options.u8 else set()
        self.network = with_planes(network, self.pictures, self.names.new)
        self.masks = Masks(image, options.patch, options.halo, options.radius, self.names.new)
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        self.state_inputs: list[ValueInfoProto] = []
        self.state_outputs: list[ValueInfoProto] = []
        self.states: list[dict] = []
        self.layers: list[dict] = []
        self.gates: list[dict] = []
        self.pass_gates: list[dict] = []
        self.candidates: dict[str, tuple[Layer, Mask]] = {}  # mask that a PASS gate makes -> its layer, of what
        self.used: dict[str, Mask] = {}  # masks that `layers` names
        self.nhwc: dict[str, str] = {}  # local tensor -> its NHWC form
        self.sizes: dict[str, Size] = {}
        self.entries = {entry.tensor for entry in network.entries}
        self.active: dict[str, Mask] = {}  # by layer name
        self.kept: set[str] = set()

    def model(self) -> onnx.ModelProto:
        self._decide_masks()
        self.active = widened(self.network, self.active, self.sizes)
        seen = {layer.inputs[0] for layer, _ in self.candidates.values()}
        joined = joins(self.network, seen)
        self.kept = kept(self.network, self.active, self.sizes, joined) | seen
        inside = chains(self.network, self.kept, joined)
        within = {layer.name for layer in inside.values()}
        for step in self.network.steps:
            if isinstance(step, Entry):
                self._entry(step)
            elif isinstance(step, Layer) and step.name not in within:
                self._layer(chain(inside[step.name], step) if step.name in inside else step)
            elif isinstance(step, Dense):
                self._dense(step)
        graph = helper.make_graph(
            self.nodes,
            self.graph.name or "network",
            [*self._inputs(), *self.state_inputs],
            self._outputs(),
            [*self._constants(), *self.initializers],
        )
        # Our own Reshape nodes are those of opset 13, which every runtime knows.
        newest = None if self.network.dense or self.options.pass_gates else 13
        opsets = [helper.make_opsetid(d, min(v, newest or v)) for d, v in self.graph.opsets.items()]
        opsets.append(helper.make_opsetid(DOMAIN, 1))
        # IR 4 allows initializers that are no inputs; ONNX Runtime 1.10 reads up to 8.
        version = min(max(self.graph.ir_version, 4), 8)
        model = helper.make_model(graph, opset_imports=opsets, ir_version=version, producer_name="patchskip")
        set_metadata(model, self._metadata())
        return model

    # -- masks

    def _decide_masks(self) -> None:
        for number, step in enumerate(self.network.steps):
            if isinstance(step, Entry):
                size = self.sizes[step.tensor] = (step.shape[2], step.shape[3])
                name = self.names.new(step.tensor + ".active")
                self.masks.of[step.tensor] = Mask(name, self.masks.patch_of(size), size, number)
            elif isinstance(step, Layer):
                self.sizes[step.output] = step.size
                active = self.masks.active(step, self.sizes)
                if step.name in self.options.pass_gates:
                    decided = active._replace(name=self.names.new(step.output + ".active"), since=number)
                    self.candidates[decided.name] = step, active
                    active = decided
                self.active[step.name] = active
                if step.name in self.options.gates:
                    active = active._replace(name=self.names.new(step.output + ".changed"), since=number)
                self.masks.of[step.output] = active

    # -- steps

    def _entry(self, entry: Entry) -> None:
        """PatchGate decides from the picture, Image keeps it, NHWC."""
        tensor, (_, channels, height, width) = entry.tensor, entry.shape
        mask = self.masks.of[tensor]
        form = dict(self.options.image_attributes) if tensor in self.pictures else {"layout": "NCHW"}
        y = self._local(tensor)
        compared = self.options.gate == "exact" or tensor in self.options.pass_gates
        cache = self._state(y, (1, height, width, channels), "cache", compared)
        if tensor in self.options.pass_gates:
            self._pass_gate(tensor, Seen(tensor, form), cache, mask.size, mask.name)
        else:
            self._picture_gate(tensor, mask, cache, entry.shape, form)
        layer = Layer(tensor, "Image", [], tensor, (1, height, width, channels), mask.size, dict(form))
        self._patch_skip(layer, mask, [cache, tensor], [y])

    def _picture_gate(self, tensor: str, mask: Mask, cache: str, shape: tuple[int, ...], form: dict) -> None:
        _, channels, height, width = shape
        gate, inputs, outputs = {"mode": self.options.gate, "patch": mask.patch}, [tensor, cache], [mask.name]
        if self.options.gate == "delta":
            decision = self._gate(tensor, "picture", channels)
            cell = decision["cell"]
            reference = self.names.new(tensor + ".reference")
            cells = (-(-height // cell), -(-width // cell), channels)
            inputs[1] = self._state(reference, cells, "reference", compared=True)
            outputs = [mask.name, reference]
            gate.update(decision)
        self._add("PatchGate", inputs, outputs, tensor + ".gate", **gate, **form)

    def _layer(self, layer: Layer) -> None:
        weights = [
            self._initializer(f"{layer.name}.{kind}", w)
            for kind, w in zip(_WEIGHTS[-len(layer.weights) :], layer.weights)
        ]
        inputs = [self.nhwc[name] for name in layer.inputs]
        y = layer.output if layer.leaves else self._local(layer.output)
        gated = layer.name in self.options.gates
        cache = self._state(y, layer.shape, "cache", gated) if layer.output in self.kept else _NO_CACHE
        active, outputs = self.active[layer.name], [y]
        if active.name in self.candidates:
            self._decide(active, *self.candidates.pop(active.name))
        self.nodes += self.masks.nodes(active.name)
        if gated:
            outputs.append(self.masks.of[layer.output].name)
        self._patch_skip(layer, active, [cache, *inputs[: layer.own], *weights, *inputs[layer.own :]], outputs)
        if y != layer.output:
            self._reshape(layer)

    def _decide(self, active: Mask, layer: Layer, candidates: Mask) -> None:
        """A PASS gate says which of the candidates are active. What it has seen of a patch is kept with the patch."""
        x, gate, size = layer.inputs[0], self.options.pass_gates[layer.name], self.sizes[layer.inputs[0]]
        seen, shape = self.names.new(f"{layer.name}.seen"), (1, *size, gate.form.channels)
        cache = self._state(seen, shape, "cache", compared=True)
        decision = self.names.new(f"{layer.name}.decision")
        self._pass_gate(layer.name, Seen(self.nhwc[x]), cache, size, decision)
        self.nodes += self.masks.nodes(candidates.name)
        self._add("Mul", [candidates.name, decision], [active.name], active.name, "")
        memory = Layer(seen, "Identity", [x], seen, shape, size)
        self._patch_skip(memory, Mask(active.name, gate.form.patch, size, active.since), [cache, self.nhwc[x]], [seen])

    def _pass_gate(self, place: str, current: Seen, previous: str, size: Size, active: str) -> None:
        """active: the tensor to make, which says what is to be computed."""
        gate, opset = self.options.pass_gates[place], self.graph.opsets[""]
        nodes, initializers = pass_nodes(gate, current, previous, size, active, self.names.new, opset)
        self.nodes += nodes
        self.initializers += initializers
        self.pass_gates.append({"name": f"{place}.gate", "macs": gate.form.macs(size)})

    def _dense(self, dense: Dense) -> None:
        proto = dense.node.proto()
        source = proto.input[0] if proto.op_type == "Transpose" else ""
        if source in self.nhwc and source not in self.entries:
            moved = [_TO_NCHW[axis] for axis in dense.node.get("perm", (3, 2, 1, 0))]
            if moved == sorted(moved):
                self._add("Identity", [self.nhwc[source]], proto.output, proto.name, "")
            else:
                self._add("Transpose", [self.nhwc[source]], proto.output, proto.name, "", perm=moved)
            return
        self.nodes.append(proto)

    # -- tensors

    def _local(self, tensor: str) -> str:
        """Name the NHWC form of a tensor."""
        both = tensor in self.entries or needs_nchw(self.network, tensor)
        self.nhwc[tensor] = self.names.new(tensor + ".nhwc") if both else tensor
        return self.nhwc[tensor]

    def _reshape(self, layer: Layer) -> None:
        """What is the same memory in both layouts leaves so, all else by a Planes layer."""
        _, height, width, channels = layer.shape
        shape = self._initializer(layer.output + ".shape", np.array([1, channels, height, width], np.int64))
        self._add("Reshape", [self.nhwc[layer.output], shape], [layer.output], layer.output + ".reshape", "")

    def _state(self, output: str, shape: tuple[int, ...], kind: str, compared: bool) -> str:
        """compared: does a gate measure changes against it?"""
        name = self.names.new(output + ".cache" if kind == "cache" else output + ".last")
        self.state_inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        if output not in self.graph.outputs:
            self.state_outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, shape))
        self.states.append({"input": name, "output": output, "kind": kind, "shape": list(shape), "compared": compared})
        return name

    def _initializer(self, stem: str, value: np.ndarray) -> str:
        name = self.names.new(stem)
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    # -- nodes

    def _add(self, operator: str, inputs, outputs, name: str, domain: str = DOMAIN, /, **attributes) -> None:
        node = helper.make_node(operator, inputs, outputs, name or None, domain=domain)
        node.attribute.extend(helper.make_attribute(key, attributes[key]) for key in sorted(attributes))
        self.nodes.append(node)

    def _patch_skip(self, layer: Layer, active: Mask, inputs: list[str], outputs: list[str]) -> None:
        attributes = {"op_type": layer.op_type, "patch": active.patch, **layer.attributes}
        if layer.activation != "None":
            attributes["activation"] = layer.activation
            if layer.activation_params:
                attributes["activation_params"] = layer.activation_params
        if inputs[0] == _NO_CACHE:  # its place is taken: TensorRT 8.2's parser knows no absent input of a plugin
            attributes["shape"], inputs[0] = list(layer.shape), inputs[1]
        if len(outputs) > 1:
            attributes.update(self._gate(layer.name, "layer", layer.shape[3]))
        self._add("PatchSkip", [active.name, *inputs], outputs, layer.name, **attributes)
        self.used.setdefault(active.name, active)
        self.layers.append(
            {
                "name": layer.name,
                "op_type": layer.op_type,
                "shape": list(layer.shape),
                "macs": layer.macs,
                "mask": active.name,
            }
        )

    def _gate(self, name: str, kind: str, channels: int) -> dict:
        """-> its attributes."""
        gate = self.options.gates[name]
        found: dict = {"threshold": float(gate.threshold), "cell": gate.cell}
        weighted = gate.weights is not None
        self.gates.append({"name": name, "kind": kind, **found, "channels": channels, "weighted": weighted})
        return {**found, "weights": gate.weights.tolist()} if gate.weights is not None else found

    # -- the whole

    def _inputs(self) -> list[ValueInfoProto]:
        found = []
        for name, value in self.graph.inputs.items():
            if name in self.pictures:
                _, channels, height, width = self.graph.shapes[name]
                value = helper.make_tensor_value_info(name, TensorProto.UINT8, (1, height, width, channels))
            found.append(value)
        return found

    def _outputs(self) -> list[ValueInfoProto]:
        masks = [
            helper.make_tensor_value_info(m.name, TensorProto.INT32, [-(-n // m.patch) for n in m.size])
            for m in self.used.values()
        ]
        original = [
            helper.make_tensor_value_info(name, self.graph.types[name], self.graph.shapes[name])
            if name in self.graph.shapes
            else value
            for name, value in self.graph.outputs.items()
        ]
        return [*original, *self.state_outputs, *masks]

    def _constants(self) -> list[TensorProto]:
        read = {name for dense in self.network.dense for name in dense.node.reads()} | set(self.graph.outputs)
        return [numpy_helper.from_array(v, name) for name, v in self.graph.constants.items() if name in read]

    def _metadata(self) -> dict:
        dense = [
            {"name": d.node.label, "op_type": d.node.op_type, "macs": d.macs, "reason": d.reason}
            for d in self.network.dense
        ]
        deciding = [{**gate, "op_type": "PassGate", "reason": _WHY_PASS, "gate": True} for gate in self.pass_gates]
        covered = sum(layer["macs"] for layer in self.layers)
        macs = covered + sum(d.macs for d in self.network.dense)
        return {
            "format": 1,
            "patch": self.options.patch,
            "gate": self.options.gate,
            "threshold": self.options.threshold,
            "halo": "full" if self.options.halo else "none",
            "inputs": [self._describe(value) for value in self._inputs()],
            "outputs": [{"name": n, "shape": list(self.graph.shapes.get(n, ()))} for n in self.graph.outputs],
            "states": self.states,
            "masks": [{"name": m.name, "patch": m.patch, "size": list(m.size)} for m in self.used.values()],
            "layers": self.layers,
            "gates": self.gates,
            "dense": [*dense, *deciding],
            "macs": macs,
            "coverage": covered / macs if macs else 0.0,
            **self.options.extra,
        }

    def _describe(self, value: ValueInfoProto) -> dict:
        kind = value.type.tensor_type
        shape = [dim.dim_value for dim in kind.shape.dim]
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
        u8 = kind.elem_type == TensorProto.UINT8
        layout = ("NHWC" if u8 else "NCHW") if self.graph.is_image(value.name) else ""
        found = {"name": value.name, "shape": shape, "dtype": dtype, "layout": layout}
        resized = u8 and tuple(shape[1:3]) != self.masks.image
        return {**found, "picture": list(self.masks.image)} if resized else found
