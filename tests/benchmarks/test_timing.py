import numpy as np

from patchskip.benchmarks import timing


def test_blocks_keep_every_item_in_order():
    assert list(timing.blocks(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]


def test_turns_alternate():
    assert [timing.alternating(["a", "b"], turn) for turn in range(3)] == [["a", "b"], ["b", "a"], ["a", "b"]]


def test_summary():
    result = timing.summary(np.arange(101.0))
    assert result == {"mean_ms": 50, "p50_ms": 50, "p90_ms": 90, "p99_ms": 99}
