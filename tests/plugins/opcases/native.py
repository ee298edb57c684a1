"""The C interface through ctypes, in memory with guards."""

import numpy as np

from patchskip.plugins import library
from patchskip.runtime.errors import PatchskipError

GUARD = 64  # elements either side


class Refused(Exception):
    """The implementation refused the problem; its message."""


class Guarded:
    """A copy of an array with a pattern before and after it: NaN as float32, so that reading it shows in a result.

    array; memory: it and the guards
    """

    def __init__(self, array):
        size = (array.size + 2 * GUARD) * array.itemsize
        self.memory = np.full(size, 0xFF, np.uint8).view(array.dtype)
        self.array = self.memory[GUARD : GUARD + array.size].reshape(array.shape)
        self.array[...] = array

    def intact(self):
        edges = np.concatenate([self.memory[:GUARD], self.memory[self.memory.size - GUARD :]])
        return bool((edges.view(np.uint8) == 0xFF).all())


class Memory:
    """A problem's arrays in guarded memory of their own, outputs in that of their alias."""

    def __init__(self, problem):
        self._problem = problem
        self._inputs = [None if array is None else Guarded(array) for array in problem.inputs]
        self._outputs = [
            self._inputs[problem.alias[i]] if i in problem.alias else Guarded(array)
            for i, array in enumerate(problem.outputs)
        ]
        self.inputs = [None if guarded is None else guarded.array for guarded in self._inputs]
        self.outputs = [guarded.array for guarded in self._outputs]

    def guarded(self):
        """-> each piece of memory once."""
        inputs = [guarded for guarded in self._inputs if guarded]
        return inputs + [guarded for guarded in self._outputs if guarded not in inputs]

    def check(self):
        """Raises AssertionError when anything but the outputs has been written."""
        for i, guarded in enumerate(self._outputs):
            assert guarded.intact(), "{}: memory around output {} was written to".format(self._problem.name, i)
        for i, (array, before) in enumerate(zip(self.inputs, self._problem.inputs)):
            if array is not None and i not in self._problem.alias.values():
                assert array.tobytes() == before.tobytes(), "{}: input {} was written to".format(self._problem.name, i)

    def untouched(self):
        """Are the outputs as they were before the run?"""
        before = [
            self._problem.inputs[self._problem.alias[i]] if i in self._problem.alias else array
            for i, array in enumerate(self._problem.outputs)
        ]
        return all(now.tobytes() == array.tobytes() for now, array in zip(self.outputs, before))


class Native:
    def __init__(self, isa):
        self._isa = isa

    def run(self, problem, threads=1):
        library.set_isa(self._isa)
        library.set_threads(threads)
        memory = Memory(problem)
        try:
            library.Operator(problem.operator, problem.attributes).run(memory.inputs, memory.outputs)
        except PatchskipError as error:
            assert memory.untouched(), "{}: written to, and then refused".format(problem.name)
            raise Refused(str(error)) from None
        finally:
            library.set_threads(0)
            library.set_isa(library.isas()[0])
        memory.check()
        return memory.outputs
