"""Every implementation of the operators on every case: docs/op-spec.md, as the numpy reference has it."""

import numpy as np
import pytest
from opcases.cases import CASES
from opcases.implementations import FLOAT16, IMPLEMENTATIONS, KNOWN_DIFFERENCES
from opcases.problems import check, full, needs_cache, problem, same_bits, without_cache
from opcases.specs import Skip

PAIRS = [
    (spec, implementation)
    for spec in CASES
    for implementation in IMPLEMENTATIONS + FLOAT16
    if implementation.covers(spec)
]


@pytest.mark.parametrize("spec, implementation", PAIRS, ids=lambda value: value.name)
def test_case(spec, implementation, request):
    key = implementation.name, spec.name
    if key in KNOWN_DIFFERENCES:
        request.applymarker(pytest.mark.xfail(reason=KNOWN_DIFFERENCES[key], strict=True))
    case = problem(spec, implementation.dtype)
    outputs = implementation.run(case)
    check(case, outputs)
    for one, two in zip(outputs, implementation.run(case, threads=2)):
        assert same_bits(one, two).all(), "two threads change it"
    if isinstance(spec, Skip):
        assert_same(case, outputs[0], implementation.run(full(case))[0], "other patches being active too changes it")
        if not needs_cache(spec, implementation.dtype):
            assert_same(case, outputs[0], implementation.run(without_cache(case))[0], "the lack of a cache changes it")


def assert_same(case, one, other, otherwise):
    """The computed values are the same bit for bit."""
    differ = ~same_bits(one, other) & case.chosen
    assert not differ.any(), "{}: {} of {} values, the first at {}".format(
        otherwise, differ.sum(), case.chosen.sum(), np.argwhere(differ)[0]
    )
