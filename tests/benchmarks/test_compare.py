import json

import numpy as np
import pytest

from patchskip.benchmarks.dense import difference
from patchskip.runtime import cli


def run(demo, *words, frames=8):
    source = ["--source", str(demo / "clip"), "--threads", "1", "--frames", str(frames)]
    return cli.main(["compare", *[str(word) for word in words], *source])


def test_exact_agrees_with_dense_either_way_round(demo, capsys):
    assert run(demo, demo / "exact.patchskip.onnx", demo / "network.onnx", "--rtol", "1e-4") == 0
    assert run(demo, demo / "network.onnx", demo / "exact.patchskip.onnx", "--rtol", "1e-4") == 0
    assert capsys.readouterr().out.count("the same (atol 1e-07, rtol 0.0001) over 8 frames") == 2


def test_exact_is_its_own_recomputation_bit_for_bit(demo):
    assert run(demo, demo / "exact.patchskip.onnx", "--full", "--json", demo / "full.json", frames=24) == 0
    result = json.loads((demo / "full.json").read_text())
    assert result["same"] and result["outputs"]["output"]["max_abs_error"] == 0


def test_delta_differs_and_says_where(demo, capsys):
    assert run(demo, demo / "delta.patchskip.onnx", demo / "network.onnx", "--rtol", "1e-6") == 1
    assert run(demo, demo / "delta.patchskip.onnx", "--full") == 1
    assert run(demo, demo / "delta.patchskip.onnx", demo / "network.onnx", "--rtol", "0.9") == 0
    text = capsys.readouterr().out
    assert text.count("different") == 2 and "frames over" in text


def test_two_dense_networks(demo):
    assert run(demo, demo / "network.onnx", demo / "network.onnx", "--rtol", "0") == 0


def test_another_network_is_different(demo):
    from patchskip.benchmarks.demo_network import build
    from patchskip.export.command import save

    save(build((256, 320), seed=1), demo / "other.onnx")
    assert run(demo, demo / "network.onnx", demo / "other.onnx", "--rtol", "1e-6") == 1


LIMITS = [["{exact}", "{dense}", option, value] for option in ("--atol", "--rtol") for value in ("-1", "nan", "inf")]


@pytest.mark.parametrize(
    "words", [["{exact}"], ["{exact}", "{dense}", "--full"], ["{dense}", "--full"], ["{exact}", "no"], *LIMITS]
)
def test_bad_usage_is_one_line_and_two(demo, capsys, words):
    paths = {"exact": demo / "exact.patchskip.onnx", "dense": demo / "network.onnx"}
    assert run(demo, *[word.format(**paths) for word in words]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("patchskip: ") and "\n" not in error


def test_difference():
    assert difference(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == (2.0, 0.5)
    assert difference(np.zeros(2), np.zeros(2)) == (0.0, 0.0)
    assert difference(np.ones(1), np.zeros(1)) == (1.0, float("inf"))
    assert np.isnan(difference(np.array([np.nan]), np.ones(1))).all()
    assert difference(np.zeros(0), np.zeros(0)) == (0.0, 0.0)
