"""The list of cases, of every operator: what each implementation must pass."""

from . import convolution, deformable, fused, gates, grids, local
from .problems import full, needs_cache, problem, without_cache
from .specs import Skip

CASES = convolution.CASES + deformable.CASES + local.CASES + fused.CASES + gates.CASES + grids.CASES

_names = [spec.name for spec in CASES]
assert len(set(_names)) == len(_names), sorted({name for name in _names if _names.count(name) > 1})


def calls(specs=None):
    """Every (problem, threads) that the tests run."""
    for spec in CASES if specs is None else specs:
        yield problem(spec), 1
        yield problem(spec), 2
        if isinstance(spec, Skip):
            yield full(problem(spec)), 1
            if not needs_cache(spec):
                yield without_cache(problem(spec)), 1
