"""On GPUs of any size, and whichever of its threads comes first, a result is the same bit for bit."""

import pytest
from opcases.emulated import Emulated
from opcases.grids import CASES
from opcases.problems import problem, same_bits


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("spec", CASES, ids=lambda spec: spec.name)
def test_numbers_of_blocks_and_their_order_change_nothing(spec, dtype):
    case, emulated = problem(spec, dtype), Emulated()
    one = emulated.execute(case, multiprocessors=1)
    for multiprocessors, last_first in ((1, True), (3, False), (7, True), (32, False)):
        other = emulated.execute(case, multiprocessors, last_first)
        assert all(same_bits(a, b).all() for a, b in zip(one, other)), (multiprocessors, last_first)
