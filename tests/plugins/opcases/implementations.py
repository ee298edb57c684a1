"""What can run a problem: one table. An implementation has `run(problem, threads) -> outputs`, or raises Refused."""

import functools

import pytest

from patchskip.plugins import library
from patchskip.runtime.errors import PatchskipError

from .emulated import Emulated
from .gpu import Gpu
from .native import Native
from .runner import Runner
from .session import Session
from .specs import Gate, Skip


class Implementation:
    """name: family and instruction set; make: () -> an object with `run`; it may skip the test.

    dtype: of the activations. covers: spec -> is it one of the cases that this implementation runs?
    """

    def __init__(self, name, make, dtype="float32", covers=lambda spec: True):
        self.name, self.dtype, self.covers = name, dtype, covers
        self.make = functools.lru_cache(maxsize=None)(make)

    def run(self, problem, threads=1):
        return self.make().run(problem, threads)


def _native_isas():
    try:
        return library.isas()
    except PatchskipError:  # which then fails the tests of `portable`, one by one
        return ["portable"]


IMPLEMENTATIONS = (
    [Implementation("native-" + isa, functools.partial(Native, isa)) for isa in _native_isas()]
    + [Implementation("fenced-" + isa, functools.partial(Runner, None, isa)) for isa in _native_isas()]
    + [Implementation("onnxruntime", Session)]
    + [Implementation("cuda-emulated", Emulated), Implementation("cuda", Gpu)]
    + [Implementation("aarch64-" + isa, functools.partial(Runner, "aarch64", isa)) for isa in ("neon", "portable")]
)

CONVOLUTIONS = ("Conv", "ConvTranspose", "DeformConv", "SeparableConv", "ConcatConv")


def _has_activations(spec):
    return isinstance(spec, Skip) or isinstance(spec, Gate) and spec.attributes["mode"] == "exact"


def _is_convolution(spec):
    return isinstance(spec, Skip) and spec.op_type in CONVOLUTIONS


# With float16 activations; on newer GPUs convolutions take other kernels.
FLOAT16 = [
    Implementation("cuda-emulated-f16", Emulated, "float16", _has_activations),
    Implementation("cuda-emulated-f16-sm80", functools.partial(Emulated, 80), "float16", _is_convolution),
    Implementation("cuda-f16", Gpu, "float16", _has_activations),
]


def _each(implementations):
    return pytest.mark.parametrize("implementation", implementations, ids=lambda implementation: implementation.name)


each = _each(IMPLEMENTATIONS)
on_cpu = _each([one for one in IMPLEMENTATIONS if not one.name.startswith("cuda")])

# (implementation's name, case's name): why it is known to differ.
KNOWN_DIFFERENCES = {
    ("cuda-emulated", name): "the planner says what the outputs are, and nobody else"
    for name in ("output's shape", "candidates' shape")
}
