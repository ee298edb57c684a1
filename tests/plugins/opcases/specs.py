"""What a case is. Sizes are (H, W, C); the arrays are drawn from the case's name (problems.py)."""

from typing import NamedTuple


class Skip(NamedTuple):
    """A PatchSkip node."""

    name: str
    op_type: str
    inputs: tuple  # the activations' (H, W, C)
    output: tuple  # (H, W, C)
    attributes: dict = {}
    activation: str = "None"
    params: tuple = ()
    residual: str = "none"
    patch: int = 0  # 0: one of 1, 2, 3, 4, 8, drawn from the name
    mask: str = "random"  # one of MASKS
    in_place: int = -1  # is Y the cache's memory? -1: drawn from the name
    cell: int = 0  # above 0: gated, by a threshold that about half of the active patches pass
    weights: str = ""  # of the gate: one of WEIGHTS
    cache: str = "random"  # or "nan", or "nan unweighted": some of it, in a channel whose weight is 0
    dtype: str = "float32"  # of the first activation
    far: bool = False  # DeformConv's offsets: as large as the tensor, or a few pixels?


class Mask(NamedTuple):
    """A PatchMask node."""

    name: str
    size: tuple
    patch: int
    in_sizes: tuple
    in_patch: tuple
    windows: tuple
    masks: tuple = ("random",)


class Gate(NamedTuple):
    """A PatchGate node. `differs`: what distinguishes X from the reference, patch by patch (problems.py)."""

    name: str
    size: tuple  # (H, W, C) of X
    attributes: dict
    candidates: str = ""  # a mask's kind; empty: absent
    dtype: str = "float32"
    differs: str = "some"  # "none", "some", "nan reference", "nan unweighted" (as Skip), "nan input", "smallest"
    in_place: int = -1
    weights: str = ""  # one of WEIGHTS


WEIGHTS = ("", "ones", "some zero", "zero")  # of a gate; without any, no attribute
MASKS = ("empty", "single", "full", "random", "checkerboard", "last row", "last column")
