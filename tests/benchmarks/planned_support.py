"""Nodes as benchmarks/planned.py makes them, without a planner."""

from types import SimpleNamespace

import numpy as np

from patchskip.benchmarks.planned import Node

HALF = np.dtype(np.float16)


def node(op_type, own, output, kernels, grid=(2, 2), patch=4, **attributes):
    """A float16 PatchSkip node with a cache. kernels: (name, blocks, threads) of its launches."""
    types = {f"x{i}": (shape, HALF) for i, shape in enumerate(own)}
    types.update(active=(grid, np.dtype(np.int32)), y=(output, HALF), r=(output, HALF))
    inputs = ["active", "cache", *(f"x{i}" for i in range(len(own)))] + ["r"] * ("residual" in attributes)
    if "constants" in attributes:
        inputs.append("constants")
    launches = [SimpleNamespace(kernel=name, blocks=blocks, threads=threads) for name, blocks, threads in kernels]
    attributes = dict(attributes, op_type=op_type, patch=patch)
    plan = SimpleNamespace(launches=lambda *addresses: launches)
    return Node(op_type, "PatchSkip", attributes, inputs, ["y"], types, plan)
