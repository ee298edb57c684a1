"""The CUDA kernels, emulated (plugins/cuda/emulation), in memory with guards."""

import pytest

from patchskip.plugins.cuda import emulator, planning
from patchskip.runtime.errors import PatchskipError

from .native import Memory, Refused

PLANNED = ("Add", "Mul", "Identity")  # op_types whose kernels are written; the others' cases skip


class Emulated:
    def run(self, problem, threads=1):
        """threads: 2 runs threads and blocks in the other order, and on a GPU of another size."""
        if problem.attributes.get("op_type") not in PLANNED or "threshold" in problem.attributes:
            pytest.skip("not written yet")
        memory = Memory(problem)
        try:
            inputs = [
                array if array is None or i in problem.constants else (array.shape, array.dtype)
                for i, array in enumerate(memory.inputs)
            ]
            attributes, described = planning.packed(problem.operator, problem.attributes, inputs, "float32")
            arrays = [array for i, array in enumerate(memory.inputs) if i not in problem.constants]
            arrays += described[len(arrays) :]
            shapes = [None if a is None else (a.shape, a.dtype) for a in arrays]
            sizes = {1: 1, 2: 3}
            plan = planning.Plan(
                problem.operator, attributes, shapes, len(memory.outputs), multiprocessors=sizes[threads]
            )
            for (shape, dtype), array in zip(plan.outputs, memory.outputs):
                if (shape, dtype) != (array.shape, array.dtype):
                    raise PatchskipError("an output is {} {}".format(dtype, shape))
        except PatchskipError as error:
            raise Refused(str(error)) from None
        emulator.execute(plan, arrays, memory.outputs, last_first=threads == 2)
        memory.check()
        return memory.outputs
