"""A problem as its kernels get it: in memory with guards, its constants packed, and the plan of their launches."""

import numpy as np

from patchskip.plugins.cuda import planning
from patchskip.runtime.errors import PatchskipError

from .native import Memory, Refused


class Planned:
    """problem, memory, plan, attributes; inputs: arrays, of which the last is `constants` unless that is None.

    Raises Refused.
    """

    def __init__(self, problem, sm, multiprocessors):
        self.problem, self.memory = problem, Memory(problem)
        memory = self.memory
        try:
            inputs = [
                array if array is None or i in problem.constants else (array.shape, array.dtype)
                for i, array in enumerate(memory.inputs)
            ]
            self.attributes, described = planning.packed(problem.operator, problem.attributes, inputs, _dtype(problem))
            self.inputs = [array for i, array in enumerate(memory.inputs) if i not in problem.constants]
            self.constants = described[-1] if len(described) > len(self.inputs) else None
            self.inputs += described[len(self.inputs) :]
            shapes = [None if a is None else (a.shape, a.dtype) for a in self.inputs]
            self.plan = planning.Plan(
                problem.operator, self.attributes, shapes, len(memory.outputs), sm=sm, multiprocessors=multiprocessors
            )
        except PatchskipError as error:
            raise Refused(str(error)) from None
        assert self.plan.outputs == [(array.shape, array.dtype) for array in memory.outputs]


def _dtype(problem):
    """Of the activations."""
    return "float16" if any(a is not None and a.dtype == np.float16 for a in problem.inputs) else "float32"
