"""The frontier of gates: accuracy over active MACs, and what is read off it."""

import json
from xml.etree import ElementTree

import pytest

from patchskip.benchmarks import frontier


def points(*values):
    return [{"factor": 1.0, "active_macs": macs, "ap50": ap50} for macs, ap50 in values]


def test_cost_at_an_accuracy():
    line = points((0.02, 0.5), (0.04, 0.7), (0.08, 0.9))
    assert frontier.cost_at(line, 0.8) == pytest.approx(0.06)
    assert frontier.cost_at(line, 0.4) == pytest.approx(0.02)
    assert frontier.cost_at(line, 0.95) is None
    assert frontier.cost_at(points((0.03, 0.9), (0.06, 0.6)), 0.8) == pytest.approx(0.03)  # less work, more accurate


def test_measured_on_the_demo(demo, tmp_path, capsys):
    model, clip, truth = (str(demo / name) for name in ("delta.patchskip.onnx", "clip", "clip.gt.txt"))
    words = [f"plain={model}", "--source", clip, "--gt", truth]
    out, plot = tmp_path / "out.json", tmp_path / "plot.svg"
    options = ["--factors", "1e-6", "1", "50", "--part", "0.5", "1", "--json", str(out), "--plot", str(plot)]
    assert frontier.main([*words, *options]) == 0
    result = json.loads(out.read_text())
    exact, usual, coarse = result["models"]["plain"]
    assert exact["ap50"] == pytest.approx(result["dense_ap50"], abs=1e-6)
    assert exact["active_macs"] > usual["active_macs"] > coarse["active_macs"]
    assert usual["ap50"] > coarse["ap50"]
    assert "| plain | 50 |" in capsys.readouterr().out
    assert ElementTree.parse(plot).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_without_ground_truth(demo, tmp_path):
    """The dense network is right by definition, but for boxes below .3."""
    out = tmp_path / "out.json"
    words = [f"plain={demo / 'delta.patchskip.onnx'}", "--source", str(demo / "clip"), "--factors", "1e-6", "50"]
    assert frontier.main([*words, "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    same, coarse = result["models"]["plain"]
    assert same["ap50"] == pytest.approx(result["dense_ap50"], abs=1e-6) and same["ap50"] > 0.99
    assert coarse["ap50"] < same["ap50"]


def test_nobody_is_there(demo, tmp_path, capsys):
    """Of nothing there is no AP50, neither of the ground truth nor of the dense network's boxes."""
    words = [f"plain={demo / 'delta.patchskip.onnx'}", "--plot", str(tmp_path / "plot.svg")]
    (tmp_path / "gt.txt").write_text("999,1,0,0,8,8,1,0,0,0\n")
    assert frontier.main([*words, "--source", str(demo / "clip"), "--gt", str(tmp_path / "gt.txt")]) == 2
    assert "has no person in the 24 frames" in capsys.readouterr().err
    still = "synthetic://?frames=4&size=320x256&shapes=0"
    assert frontier.main([*words, "--source", still]) == 2
    assert "finds nothing" in capsys.readouterr().err and list(tmp_path.iterdir()) == [tmp_path / "gt.txt"]


@pytest.mark.parametrize("words", [["nameless.onnx"], ["plain=absent.onnx"]])
def test_bad_input(words, demo, capsys):
    assert frontier.main([*words, "--source", str(demo / "clip"), "--gt", str(demo / "clip.gt.txt")]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
