"""Fair times of two runtimes in one process.

Each has a pool of threads that go on spinning for a while after their work, on the cores the other one needs: taken in
turn frame by frame, each would slow the other down. So they take turns in blocks. Before a block everything rests until
the pools sleep, and a block's first run, which wakes its pool and finds its caches cold, is not counted. What remains
is what either does when it has the machine to itself, on the same input and within the same second as the other.
"""

import time

import numpy as np

REST_S = 0.1  # ONNX Runtime's pool was seen to burn processor time for 60 ms after a run, ours for less than 1
BLOCK = 20
DROPPED = 1
HOW = f"blocks of {BLOCK} frames in alternating order, {REST_S * 1e3:.0f} ms of rest before each, first frame dropped"


def rest():
    time.sleep(REST_S)


def blocks(items, size=BLOCK):
    """Lists of `size` items; the last may be shorter."""
    block = []
    for item in items:
        block.append(item)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


def alternating(items, turn):
    """`items` forwards on even turns, backwards on odd ones."""
    return items[:: -1 if turn % 2 else 1]


def summary(milliseconds):
    """Mean and percentiles of a list of times in ms."""
    p50, p90, p99 = np.percentile(milliseconds, [50, 90, 99])
    return {
        "mean_ms": float(np.mean(milliseconds)),
        "p50_ms": float(p50),
        "p90_ms": float(p90),
        "p99_ms": float(p99),
    }
