"""The specification as operators of onnx.reference: `ReferenceEvaluator(model, new_ops=OPS)` runs an exported model."""
import numpy as np
from onnx.reference.op_run import OpRun

from .patches import patch_gate, patch_mask, patch_skip




class _Operator(OpRun):
    op_domain = "patchskip"

    def _attributes(self):
        # The node itself says what is set: OpRun gives methods only the attributes of a schema it knows.
        return {a.name: getattr(self, a.name) for a in self.onnx_node.attribute}


class PatchMask(_Operator):
    def _run(self, *masks, **_):
        attributes = self._attributes()
        windows = list(attributes["windows"])
        return (patch_mask(masks, attributes["size"], attributes["patch"], attributes["in_patch"], windows),)


class PatchGate(_Operator):
    def _run(self, x, reference, candidates=None, **_):
        active, reference = patch_gate(x, reference, candidates, **self._attributes())
        return (active,) if reference is None else (active, reference)


class PatchSkip(_Operator):
    def _run(self, active, cache, *inputs, **_):
        y, changed = patch_skip(active, cache, *inputs, **self._attributes())
        if y.shape != np.shape(cache):
            raise ValueError("{}: Y is {}, its cache {}".format(self.onnx_node.name, y.shape, np.shape(cache)))
        return (y, changed)[: len(self.onnx_node.output)]


OPS = [PatchMask, PatchGate, PatchSkip]
