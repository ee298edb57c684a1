"""Every implementation on 200 cases drawn at random."""

import pytest
from opcases import problems
from opcases.implementations import each
from opcases.problems import problem, same_bits
from opcases.randomised import draw


@pytest.mark.slow
@each
@pytest.mark.parametrize("number", range(200))
def test_random_case(implementation, number):
    case = problem(draw(number))
    print("case", number, case.attributes, [x.shape for x in case.inputs])
    some = implementation.run(case, 2)
    problems.check(case, some)
    every = implementation.run(problems.full(case))[0]
    assert not (~same_bits(some[0], every) & case.chosen).any()
