"""Every implementation on cases drawn at random."""

import pytest
from opcases.implementations import FLOAT16, IMPLEMENTATIONS
from opcases.problems import check, full, problem, same_bits
from opcases.randomised import draw, draw_decision
from opcases.specs import Skip

SPECS = [draw(number) for number in range(200)] + [draw_decision(number) for number in range(100)]
PAIRS = [
    (spec, implementation)
    for implementation in IMPLEMENTATIONS + FLOAT16
    for spec in SPECS
    if implementation.covers(spec)
]


@pytest.mark.slow
@pytest.mark.parametrize("spec, implementation", PAIRS, ids=lambda value: value.name)
def test_random_case(spec, implementation):
    case = problem(spec, implementation.dtype)
    print(case.name, case.attributes, [x.shape for x in case.inputs])
    some = implementation.run(case, 2)
    check(case, some)
    if isinstance(spec, Skip):
        every = implementation.run(full(case))[0]
        assert not (~same_bits(some[0], every) & case.chosen).any()
