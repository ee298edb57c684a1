"""Runs over several clips."""

import onnx
import pytest

import patchskip
from patchskip.export.calibration import clips, fidelity
from patchskip.export.calibration.evaluate import Evaluator
from patchskip.export.calibration.settings import Gates


def test_every_clip_begins_anew(demo):
    """A clip is not to see the tracks of the one before: where nothing is skipped, all is as the dense network's."""
    pytest.importorskip("scipy", reason="tracking needs SciPy: pip install 'patchskip[track]'")
    path = str(demo / "delta.patchskip.onnx")
    gates = Gates(onnx.load(path), path)
    (clip,) = clips.read([str(demo / "clip")], patchskip.load(path), 10, None, quiet=True)
    backwards = clips.Clip("backwards", clip.frames[::-1])
    with Evaluator(gates, [clip, backwards], fidelity.of("track"), 1) as evaluator:
        (result,) = evaluator([gates.scaled(1e-6)])
    assert result.error == pytest.approx(0, abs=1e-6)
