import numpy as np
import pytest

from patchskip.benchmarks import masks, timing


def test_blocks_keep_every_item_in_order():
    assert list(timing.blocks(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]


def test_turns_alternate():
    assert [timing.alternating(["a", "b"], turn) for turn in range(3)] == [["a", "b"], ["b", "a"], ["a", "b"]]


def test_summary():
    result = timing.summary(np.arange(101.0))
    assert result == {"mean_ms": 50, "p50_ms": 50, "p90_ms": 90, "p99_ms": 99}


@pytest.mark.parametrize("grid", [(36, 48), (18, 24), (3, 2), (1, 50)])
@pytest.mark.parametrize("share", [1, 0.5, 0.25, 0.1, 0.05, 0.02, 0])
def test_masks_have_exactly_the_share(grid, share, rng):
    mask = masks.clustered(grid, share, rng)
    assert mask.dtype == np.int32 and mask.shape == grid
    assert set(np.unique(mask)) <= {0, 1}
    assert mask.sum() == round(share * mask.size)


def test_masks_hold_blobs(rng):
    mask = masks.clustered((36, 48), 0.1, rng)
    neighbours = (mask[:, 1:] & mask[:, :-1]).sum() + (mask[1:] & mask[:-1]).sum()
    assert neighbours > 0.3 * mask.sum()  # scattered patches alone would have a fifth of it
