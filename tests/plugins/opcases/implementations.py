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


class Implementation:
    """name: family and instruction set; make: () -> an object with `run`; it may skip the test."""

    def __init__(self, name, make):
        self.name = name
        self._make = functools.lru_cache(maxsize=None)(make)

    def run(self, problem, threads=1):
        return self._make().run(problem, threads)


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

each = pytest.mark.parametrize("implementation", IMPLEMENTATIONS, ids=lambda implementation: implementation.name)

# (implementation's name, case's name): why it is known to differ.
KNOWN_DIFFERENCES = {}
