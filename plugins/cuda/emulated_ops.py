"""The emulated kernels as operators of onnx.reference: `ReferenceEvaluator(exported, new_ops=OPS)` runs a model."""

from typing import Any

import numpy as np

from patchskip.plugins.reference.onnx_ops import Operator

from . import emulator, planning


class _Emulated(Operator):
    """Planned and packed at the first call. Outputs are new memory, NaN where nothing is written."""

    _plan: Any = None

    def _run(self, *inputs, **_):
        if self._plan is None:
            name, given = type(self).__name__, self.given
            words, self._replaced = planning.pack(name, given, inputs, "float32")
            self._constants = [words] if words.size else []
            if words.size:
                given["constants"] = words.size
            described = [None if x is None else (x.shape, x.dtype) for x in self._kept(inputs)]
            self._plan = planning.Plan(name, given, described, len(self.onnx_node.output))
        outputs = [np.full(shape, -1 if dtype == np.int32 else np.nan, dtype) for shape, dtype in self._plan.outputs]
        emulator.execute(self._plan, self._kept(inputs), outputs)
        return tuple(outputs)

    def _kept(self, inputs):
        kept = [x for i, x in enumerate(inputs) if i not in self._replaced]
        return [None if x is None else np.ascontiguousarray(x) for x in kept] + self._constants


class PatchMask(_Emulated):
    pass


class PatchGate(_Emulated):
    pass


class PatchSkip(_Emulated):
    pass


OPS = [PatchMask, PatchGate, PatchSkip]
