"""A training's course as a page: plots of its log, all in one file."""

from __future__ import annotations

import html
from collections.abc import Sequence

from patchskip.benchmarks import plots, report
from patchskip.benchmarks.plots import DENSE, SKIP

_COLOURS = (SKIP, "#a4432a", "#30569c", "#8a6d1a", DENSE)


def page(title: str, log: Sequence[dict], target: float | None) -> str:
    """-> HTML text. log: one entry for each round, {"active", "price", "terms": {name: value}}."""
    active = [("active", [100 * entry["active"] for entry in log], SKIP)]
    if target is not None:
        active.append(("target", [100 * target] * len(log), DENSE))
    terms = [(name, [entry["terms"][name] for entry in log], colour) for name, colour in zip(log[0]["terms"], _COLOURS)]
    sections = [
        f"<h1>{html.escape(title)}</h1>",
        "<h2>Share of the multiplications made</h2>",
        plots.over_frames(active, "%", "of the network's MACs, mean of every round", counted="round"),
        "<h2>How far the outputs and features are from the dense network's</h2>",
        plots.over_frames(terms, "", "mean of every round", counted="round"),
        "<h2>The price of multiplications</h2>",
        plots.over_frames([("price", [entry["price"] for entry in log], SKIP)], "", "in the loss", counted="round"),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f"<style>{report.STYLE}</style>\n" + "\n".join(sections) + "\n</html>\n"
    )
