"""Plots of what is small, or not a number."""

import re

import pytest

from patchskip.benchmarks import plots


@pytest.mark.parametrize("value", [0.0, 1e-300, 1e-30, 1e-13, 1e-11, 1e-9, 1.0, 1e30, float("nan"), float("inf")])
def test_over_frames_of_any_size(value):
    drawn = plots.over_frames([("loss", [value, value / 2, 0.0], "red"), ("none", [0.0] * 3, "grey")], "", "label")
    assert 0 < drawn.count("<line ") < 12 and "nan" not in drawn
    heights = [float(y) for points in re.findall('points="([^"]*)"', drawn) for y in re.findall(r",(\S+)", points)]
    assert heights and all(plots.TOP - 1 <= y <= plots.HEIGHT for y in heights)


def test_frontiers_of_nothing_at_all():
    assert plots.frontiers({"still": [(0.0, 1.0)]}, 1.0, "label").count("<circle ") == 1
