"""The implementation `cuda`, which needs a GPU, on the emulated driver: a case of each op_type."""

import pytest
from opcases.cases import CASES
from opcases.gpu import Gpu
from opcases.problems import check, problem
from opcases.specs import Skip

from patchskip.plugins.cuda import emulator

FIRST = {spec.op_type: spec for spec in reversed(CASES) if isinstance(spec, Skip)}


@pytest.mark.parametrize("spec", FIRST.values(), ids=lambda spec: spec.name)
@pytest.mark.parametrize("threads", [1, 2])
def test_case(spec, threads, monkeypatch):
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", emulator.library())
    case = problem(spec)
    check(case, Gpu().run(case, threads))
