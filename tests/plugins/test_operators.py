"""Every implementation of the operators on every case: docs/op-spec.md, as the numpy reference has it."""
import numpy as np
import pytest
from opcases import problems
from opcases.cases import CASES
from opcases.implementations import KNOWN_DIFFERENCES, each
from opcases.problems import problem, same_bits
from opcases.specs import Skip


def name(spec):
    return spec.name


@pytest.fixture(autouse=True)
def known_difference(request):
    key = request.getfixturevalue("implementation").name, request.getfixturevalue("spec").name
    if key in KNOWN_DIFFERENCES:
        request.applymarker(pytest.mark.xfail(reason=KNOWN_DIFFERENCES[key], strict=True))


@each
@pytest.mark.parametrize("spec", CASES, ids=name)
def test_equals_the_specification(implementation, spec):
    problems.check(problem(spec), implementation.run(problem(spec)))


@each
@pytest.mark.parametrize("spec", CASES, ids=name)
def test_threads_do_not_change_a_bit(implementation, spec):
    one, two = (implementation.run(problem(spec), threads) for threads in (1, 2))
    assert all(same_bits(a, b).all() for a, b in zip(one, two))


@each
@pytest.mark.parametrize("spec", [spec for spec in CASES if isinstance(spec, Skip)], ids=name)
def test_a_patch_does_not_depend_on_which_others_are_active(implementation, spec):
    some = implementation.run(problem(spec))[0]
    every = implementation.run(problems.full(problem(spec)))[0]
    differ = ~same_bits(some, every) & problem(spec).chosen
    assert not differ.any(), "{} of {} values; the first at {}".format(
        differ.sum(), problem(spec).chosen.sum(), np.argwhere(differ)[0])
