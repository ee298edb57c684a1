"""An exported model as a PyTorch module: its PatchMask, PatchGate and PatchSkip nodes one to one, gates that learn.

What a gate keeps and what a layer is computed on are thus the runtime's, as the exporter has decided them. Every layer
is computed on every pixel and then blended with what is kept: `Y = mask R + (1 - mask) cache`, so that a gate sees what
its decision changes behind it. Tensors without a cache are R everywhere: nobody reads them elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from patchskip.export.metadata import metadata_of
from patchskip.plugins.reference import patches as reference
from patchskip.runtime.errors import PatchskipError

from . import standard
from .gates import LightGate, cell_means
from .operators import activate, evaluate

State = dict[str, Tensor]
Hooks = Mapping[str, Callable[[Tensor], Tensor]]


@dataclass
class Frame:
    """What one frame has given.

    outputs: the network's, in their own layout. active_macs: [N], share of the multiplications, with gradients.
    features: gate -> Y [N, C, H, W], what its layers behind see. passed: gate -> [N, 2], patches committed, and looked
    at.
    """

    outputs: dict[str, Tensor]
    state: State
    active_macs: Tensor
    features: dict[str, Tensor] = field(default_factory=dict)
    passed: dict[str, Tensor] = field(default_factory=dict)


class SkipNetwork(nn.Module):
    """`network(frame, state)` -> Frame. Start with `state` {} : the first frame is computed in full.

    model: what `patchskip export --gate delta` wrote. `gates` holds a gate for every one of it, by the layer's (or the
    picture's) name. The network's own weights are buffers: they are frozen. Raises PatchskipError on operators that
    only ONNX Runtime has.
    """

    def __init__(self, model: onnx.ModelProto):
        super().__init__()
        metadata = self.metadata = metadata_of(model)
        self.gates = nn.ModuleDict()
        self._keys: dict[str, str] = {}
        self.pictures: set[str] = set()  # those of the gates that stand before the layers
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self._constants = {}
        for number, (name, value) in enumerate(constants.items()):
            self._constants[name] = f"constant{number}"
            self.register_buffer(self._constants[name], torch.from_numpy(value.copy()), persistent=False)
        macs = {layer["name"]: layer["macs"] for layer in metadata["layers"]}
        self._total = sum(macs.values()) + sum(node["macs"] for node in metadata["dense"])
        self._dense_macs = sum(node["macs"] for node in metadata["dense"])
        kept = {state["input"] for state in metadata["states"]}
        self._steps: list[Callable[[_Run], None]] = []
        for node in model.graph.node:
            attributes = {a.name: _value(a) for a in node.attribute}
            if node.domain != "patchskip":
                self._steps.append(standard.step(node, attributes))
            elif node.op_type == "PatchMask":
                self._steps.append(_Mask(node, attributes))
            elif node.op_type == "PatchGate":
                self._steps.append(_Gate(self, node, attributes))
            elif attributes["op_type"] == "Flatten":
                self._steps.append(_Flatten(node, attributes))
            else:
                self._steps.append(_Skip(self, node, attributes, node.input[1] in kept, macs[node.name]))

    def forward(
        self, frame: Tensor, state: State, hooks: Hooks | None = None, forgotten: Tensor | None = None
    ) -> Frame:
        """frame: the model's input, in its own layout with N streams: uint8 [N, H, W, 3] or float32 [N, C, H, W].

        hooks: by layer, what is put in the place of its first input [N, C, H, W]. forgotten: bool [N, *grid] of
        runtime/parts.py, the squares that are computed anew.
        """
        run = _Run(self, state, {self.metadata["inputs"][0]["name"]: frame}, hooks or {}, forgotten)
        for step in self._steps:
            step(run)
        run.frame.active_macs = (run.macs + self._dense_macs) / self._total
        run.frame.outputs = {entry["name"]: run.values[entry["name"]] for entry in self.metadata["outputs"]}
        return run.frame

    def gate(self, name: str) -> LightGate:
        gate = self.gates[self._keys[name]]
        assert isinstance(gate, LightGate)
        return gate

    @property
    def gate_names(self) -> list[str]:
        return list(self._keys)

    def add_gate(self, name: str, channels: int, attributes: Mapping) -> None:
        self._keys[name] = f"gate{len(self._keys)}"
        weights = torch.tensor(attributes["weights"]) if "weights" in attributes else torch.ones(channels)
        gate = LightGate(weights, attributes["threshold"], attributes["patch"], attributes.get("cell", 1))
        self.gates[self._keys[name]] = gate

    def free_weights(self) -> None:
        """From now on the layers' weights are what is trained; the gates stay as they are."""
        self.gates.requires_grad_(False)
        for key in self._constants.values():
            value = getattr(self, key)
            if value.is_floating_point():
                delattr(self, key)
                self.register_parameter(key, nn.Parameter(value))

    def weights(self) -> dict[str, Tensor]:
        """By the names that they have in the model."""
        found = {name: getattr(self, key) for name, key in self._constants.items()}
        return {name: value for name, value in found.items() if value.is_floating_point()}

    def constant(self, name: str) -> Tensor | None:
        return getattr(self, self._constants[name]) if name in self._constants else None


class _Run:
    """One frame on its way: values by tensor name, NCHW for what lies NHWC in the model."""

    def __init__(
        self, network: SkipNetwork, state: State, inputs: dict[str, Tensor], hooks: Hooks, forgotten: Tensor | None
    ):
        self.network, self.state, self.values, self.hooks = network, state, inputs, hooks
        self.forgotten = forgotten
        self.local: set[str] = set()  # values that lie NHWC in the model
        self.masks: dict[str, Tensor] = {}
        self.frame = Frame({}, {}, torch.zeros(()))
        self.macs: Tensor | float = 0.0

    def get(self, name: str) -> Tensor:
        if name in self.values:
            return self.values[name]
        found = self.network.constant(name)
        if found is None:
            raise KeyError(name)
        return found

    def as_in_model(self, name: str) -> Tensor:
        """The value in the layout that it has in the model."""
        return self.get(name).permute(0, 2, 3, 1) if name in self.local else self.get(name)


class _Mask:
    def __init__(self, node: onnx.NodeProto, attributes: Mapping):
        self._masks, self._output = list(node.input), node.output[0]
        self._attributes = attributes
        self._reads: list[tuple[Tensor, Tensor] | None] = []  # None: each patch reads its own place

    def __call__(self, run: _Run) -> None:
        masks = [run.masks[name] for name in self._masks]
        if not self._reads:
            self._reads = [self._matrices(i, mask) for i, mask in enumerate(masks)]
        total: Tensor | float = 0.0
        for mask, reads in zip(masks, self._reads):
            total = total + (mask if reads is None else reads[0] @ mask @ reads[1])
        # A gradient only where one mask more or less would matter.
        run.masks[self._output] = total.clamp(max=1) if isinstance(total, Tensor) else torch.zeros(())

    def _matrices(self, number: int, mask: Tensor) -> tuple[Tensor, Tensor] | None:
        a = self._attributes
        rows, columns = (
            reference.patches_read(
                mask.shape[1 + axis],
                a["in_patch"][number],
                a["size"][axis],
                a["patch"],
                a["windows"][8 * number + 4 * axis :][:4],
            )
            for axis in (0, 1)
        )
        if all(m.shape[0] == m.shape[1] and (m == np.eye(len(m))).all() for m in (rows, columns)):
            return None
        return torch.from_numpy(rows).to(mask), torch.from_numpy(columns.T.copy()).to(mask)


class _Gate:
    """PatchGate: of the picture, or of what a dense node has made."""

    def __init__(self, network: SkipNetwork, node: onnx.NodeProto, attributes: Mapping):
        self._input, self._reference, self._mask = node.input[0], node.input[1], node.output[0]
        self._updated = node.output[1] if len(node.output) > 1 else None
        if self._updated is None:
            raise PatchskipError("a model in exact mode has no gates to train; export it with --gate delta")
        self.name = node.name[: -len(".gate")] if node.name.endswith(".gate") else node.name
        self._attributes = attributes
        entry = next(s for s in network.metadata["states"] if s["input"] == node.input[1])
        self._nchw = attributes.get("layout", "NHWC") == "NCHW"
        network.add_gate(self.name, entry["shape"][-1], attributes)
        network.pictures.add(self.name)

    def __call__(self, run: _Run) -> None:
        gate = run.network.gate(self.name)
        x = run.get(self._input)
        image = evaluate("Image", [x if self._nchw else x.permute(0, 3, 1, 2)], (0, 0), self._attributes)
        means = cell_means(image, gate.cell)
        known = run.state.get(self._reference)
        reference = torch.full_like(means, float("nan")) if known is None else known
        decision, _ = gate(means - reference, run.forgotten)
        run.masks[self._mask] = decision
        run.frame.passed[self.name] = _passed(decision, torch.ones_like(decision))
        taken = spread(decision.detach(), gate.patch // gate.cell, means.shape[2:])
        run.frame.state[self._reference] = torch.where(taken > 0, means, reference).detach()


class _Skip:
    """PatchSkip, but for Flatten."""

    def __init__(self, network: SkipNetwork, node: onnx.NodeProto, attributes: Mapping, kept: bool, macs: int):
        self._active, self._cache, self._inputs = node.input[0], node.input[1], list(node.input[2:])
        self.name, self._y, self._changed = node.name, node.output[0], node.output[1] if len(node.output) > 1 else None
        self._attributes, self._kept, self._macs = attributes, kept, macs
        self._op_type = attributes["op_type"]
        self._local = self._op_type != "Planes"
        if kept:
            shape = next(s["shape"] for s in network.metadata["states"] if s["input"] == node.input[1])
        else:
            shape = list(attributes["shape"])
        self._size = tuple(shape[1:3] if self._local else shape[2:])
        self._gated = attributes.get("threshold", 0) > 0
        if self._gated:
            network.add_gate(self.name, shape[3], attributes)

    def __call__(self, run: _Run) -> None:
        active = run.masks[self._active]
        size = self._size
        inputs = [run.get(name) for name in self._inputs]
        if self._op_type == "Image" and self._attributes.get("layout", "NHWC") != "NCHW":
            inputs = [inputs[0].permute(0, 3, 1, 2)]
        if self.name in run.hooks:
            inputs[0] = run.hooks[self.name](inputs[0])
        result = evaluate(self._op_type, inputs, size, self._attributes)
        patch, mask = self._attributes["patch"], active
        run.macs = run.macs + self._macs * share(active, patch, size)
        if self._kept:
            cache = run.state.get(self._cache)
            if cache is not None:
                if self._gated:
                    gate = run.network.gate(self.name)
                    decision, _ = gate(cell_means(result - cache, gate.cell), run.forgotten)
                    mask = active * decision
                    run.frame.passed[self.name] = _passed(mask, active)
                pixels = spread(mask, patch, size)
                result = cache + pixels * (result - cache)
            run.frame.state[self._cache] = result
        if self._changed:
            run.masks[self._changed] = mask
        if self._gated or self._op_type == "Image":
            run.frame.features[self.name] = result
        run.values[self._y] = result
        if self._local:
            run.local.add(self._y)


class _Flatten:
    """PatchSkip Flatten: the pixels of all inputs, one after the other."""

    def __init__(self, node: onnx.NodeProto, attributes: Mapping):
        self._active, self._cache, self._inputs, self._y = node.input[0], node.input[1], node.input[2:], node.output[0]
        self._attributes = attributes
        self._reads: list[tuple[Tensor, Tensor]] = []

    def __call__(self, run: _Run) -> None:
        active, parts = run.masks[self._active], [run.get(name) for name in self._inputs]
        if not self._reads:
            self._reads = [self._matrices(active, parts[0].shape[2:], part.shape[2:]) for part in parts]
        rows = torch.cat([part.flatten(2) for part in parts], 2)[..., None]
        activation, params = self._attributes.get("activation", "None"), self._attributes.get("activation_params", ())
        value = activate(rows, activation, params)[..., 0].transpose(1, 2)
        cache = run.state.get(self._cache)
        if cache is not None:
            chosen = torch.cat([(rows @ active @ columns).clamp(max=1).flatten(1) for rows, columns in self._reads], 1)
            value = cache + chosen[..., None] * (value - cache)
        run.frame.state[self._cache] = run.values[self._y] = value

    def _matrices(self, active: Tensor, base: tuple[int, ...], size: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        rows, columns = (
            reference.patches_read(
                active.shape[1 + axis], self._attributes["patch"], size[axis], 1, (n, size[axis], 0, max(n - 1, 0))
            )
            for axis, n in enumerate(base)
        )
        return torch.from_numpy(rows).to(active), torch.from_numpy(columns.T.copy()).to(active)


def spread(mask: Tensor, patch: int, size: tuple[int, ...]) -> Tensor:
    """[N, Gh, Gw] -> [N, 1, H, W]"""
    pixels = mask.repeat_interleave(patch, 1).repeat_interleave(patch, 2) if patch > 1 else mask
    return pixels[:, None, : size[0], : size[1]]


def _passed(committed: Tensor, active: Tensor) -> Tensor:
    return torch.stack([mask.detach().sum((1, 2)) for mask in (committed, active)], 1)


def share(mask: Tensor, patch: int, size: tuple[int, int]) -> Tensor:
    """[N]: share of the pixels that lie in patches of the mask; those at the border are cut."""
    return spread(mask, patch, size).mean((1, 2, 3))


def _value(attribute: onnx.AttributeProto):
    value = onnx.helper.get_attribute_value(attribute)
    return (
        value.decode()
        if isinstance(value, bytes)
        else list(value)
        if hasattr(value, "__len__") and not isinstance(value, str)
        else value
    )
