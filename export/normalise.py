"""Any network -> the same network in fewer, larger operators. The order matters: patterns before what breaks them."""

from __future__ import annotations

from .affine import fold_affine, fold_padding
from .folding import fold_constants, remove_no_ops
from .graph import Graph
from .patterns import cascade_pools, match_activations, split_sums
from .rearrange import flatten_tails, fold_space_to_depth, join_channel_maps, map_channels


def normalise(graph: Graph) -> None:
    """Changes `graph` in place; its inputs, outputs and what it computes stay (sums are rounded once less)."""
    while fold_constants(graph) | remove_no_ops(graph):
        graph.prune()
        graph.infer()
    for step in (
        split_sums,
        match_activations,
        match_activations,
        fold_padding,
        fold_space_to_depth,
        map_channels,
        join_channel_maps,
        flatten_tails,
        cascade_pools,
    ):
        step(graph)
    while fold_affine(graph):
        pass
    graph.prune()
