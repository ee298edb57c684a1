"""A tracker's score, and the same with detections disturbed a little."""

import json

import numpy as np
import pytest

pytest.importorskip("motmetrics")

from patchskip.benchmarks import disturbed  # noqa: E402


def words(demo, *more):
    return [*more, "--source", str(demo / "clip"), "--gt", str(demo / "clip.gt.txt"), "--runs", "3"]


def test_boxes_move_and_nothing_else(rng):
    found = np.column_stack(
        [rng.uniform(0, 50, (400, 2)), rng.uniform(150, 250, (400, 2)), rng.uniform(0, 1, (400, 2))]
    )
    found, embeddings = found.astype(np.float32), rng.random((400, 8))
    before = found.copy()
    other, same = disturbed.disturbed(lambda outputs, scale: (found, embeddings), rng)({}, (1, 1))
    moved = (other - found)[:, :4] / (found[:, 3] - found[:, 1])[:, None]
    assert moved.std() == pytest.approx(disturbed.MOVED, rel=0.1) and abs(moved.mean()) < 0.1 * disturbed.MOVED
    assert (other - found)[:, 4].std() == pytest.approx(disturbed.CHANGED, rel=0.2)
    np.testing.assert_array_equal(other[:, 5], found[:, 5])
    np.testing.assert_array_equal(found, before)
    assert same is embeddings


def test_measured_on_the_demo(demo, tmp_path, capsys):
    out = tmp_path / "out.json"
    models = [f"dense={demo / 'network.onnx'}", f"skip={demo / 'delta.patchskip.onnx'}"]
    assert disturbed.main(words(demo, *models, "--json", str(out))) == 0
    result = json.loads(out.read_text())
    assert list(result) == ["dense", "skip"]
    for kind in result.values():
        runs = [run["hota"] for run in kind["disturbed"]]
        assert len(runs) == 3 and len(set(runs)) > 1
        assert np.mean(runs) == pytest.approx(kind["as_it_is"]["hota"], abs=0.1)
    assert result["dense"]["active_macs"] == 1 > result["skip"]["active_macs"]
    assert result["skip"]["as_it_is"]["hota"] > 0.5
    assert "+-" in capsys.readouterr().out


@pytest.mark.parametrize(
    "more, said",
    [
        (["nameless.onnx"], "NAME=MODEL"),
        (["plain=absent.onnx"], "absent.onnx"),
        (["plain=MODEL", "--runs", "1"], "2 or more"),
        (["plain=MODEL", "--start", "999"], "cannot start"),
        (["plain=MODEL", "--frames", "0"], "1 or more"),
    ],
)
def test_bad_input(more, said, demo, capsys):
    more = [word.replace("MODEL", str(demo / "delta.patchskip.onnx")) for word in more]
    given = words(demo, more[0])
    assert disturbed.main(given + more[1:]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and said in error[0]
