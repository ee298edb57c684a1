"""The specification as operators of onnx.reference: `ReferenceEvaluator(model, new_ops=OPS)` runs an exported model."""

from typing import Any

from onnx.reference.op_run import OpRun

from .patches import patch_gate, patch_mask, patch_skip


class Operator(OpRun):
    op_domain = "patchskip"
    op_type: Any = None  # OpRun has a property of this name and makes each attribute a member; PatchSkip has an op_type

    @property
    def given(self):
        """The attributes that the node sets."""
        return {a.name: getattr(self, a.name) for a in self.onnx_node.attribute}


class PatchMask(Operator):
    def _run(self, *masks, **_):
        given = self.given
        return (patch_mask(masks, given["size"], given["patch"], given["in_patch"], given["windows"]),)


class PatchGate(Operator):
    def _run(self, x, reference, candidates=None, **_):
        active, reference = patch_gate(x, reference, candidates, **self.given)
        return (active,) if reference is None else (active, reference)


class PatchSkip(Operator):
    def _run(self, active, cache, *inputs, **_):
        given = self.given
        y, changed = patch_skip(active, cache, *inputs, **given)
        expected = given["shape"] if "shape" in given else cache.shape
        if y.shape != tuple(expected):
            raise ValueError("{}: Y is {}, expected {}".format(self.onnx_node.name, y.shape, tuple(expected)))
        return (y, changed)[: len(self.onnx_node.output)]


OPS = [PatchMask, PatchGate, PatchSkip]
