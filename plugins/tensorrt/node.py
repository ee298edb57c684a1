"""A node of a prepared model as TensorRT asks about it: cuda/signature.h, by the C interface."""

import ctypes
import itertools

from patchskip.plugins import library
from patchskip.plugins.cuda import planning
from patchskip.runtime.errors import PatchskipError

OPERATORS = ("PatchMask", "PatchGate", "PatchSkip")


def attribute_names(operator):
    """All attributes that nodes of the operator may have."""
    name_of = planning.native().ps_attribute_name
    named = (name_of(operator.encode(), index) for index in itertools.count())
    return [name.decode() for name in itertools.takewhile(bool, named)]


class Node(object):
    """operator, attributes: as given; outputs: their number. Raises PatchskipError for an unknown operator.

    Shapes are tuples. Types are numpy's, None for one that no operator takes.
    """

    def __init__(self, operator, attributes):
        self.operator, self.attributes = operator, attributes
        self._listed, self._keep = planning.attribute_list(attributes)
        self.outputs = self._ask("ps_output_count")

    def output_shape(self, output, shapes):
        """Of the inputs' shapes."""
        tensors = planning.tensor_list([(shape, None) for shape in shapes])
        extents = (ctypes.c_int64 * library.MAX_RANK)()
        rank = self._ask("ps_output_shape", tensors, len(tensors), output, extents)
        return tuple(extents[:rank])

    def output_type(self, output, types):
        """Of the inputs' types."""
        tensors = planning.tensor_list([((), dtype) for dtype in types])
        return planning.DTYPES[self._ask("ps_output_type", tensors, len(tensors), output)]

    def accepts(self, types, n_inputs):
        """May the last of these be of its type, given those before it? Inputs and, behind them, outputs."""
        tensors = planning.tensor_list([((), dtype) for dtype in types])
        return bool(self._ask("ps_accepts", tensors, len(tensors), n_inputs))

    def aliased_input(self, output):
        """The input whose memory the output is to be, or -1."""
        return self._call("ps_aliased_input", output)

    def plan(self, inputs, sm, multiprocessors):
        """-> planning.Plan. inputs: [(shape, dtype)]"""
        return planning.Plan(self.operator, self.attributes, inputs, self.outputs, sm, multiprocessors)

    def _ask(self, function, *arguments):
        answer = self._call(function, *arguments)
        if answer < 0:
            raise PatchskipError(planning.last_error())
        return answer

    def _call(self, function, *arguments):
        return getattr(planning.native(), function)(self.operator.encode(), self._listed, len(self._listed), *arguments)
