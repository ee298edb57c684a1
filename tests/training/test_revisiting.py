"""In training, what was found is computed anew when a stream does it, and only that."""

import numpy as np
import onnx
import pytest
import torch

import patchskip
from patchskip.benchmarks.demo_clip import DemoClip
from patchskip.benchmarks.demo_network import build
from patchskip.export import analyse
from patchskip.plugins import library
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.pipeline import REVISIT, Pipeline
from patchskip.training.revisiting import Revisiting
from patchskip.training.skipping.network import SkipNetwork

SIZE = (128, 160)
FRAMES = 2 * REVISIT + 8


def test_as_a_stream_does(tmp_path):
    """Two streams, the second mirrored: the first is as the runtime's, frame by frame."""
    try:
        library.isas()
    except PatchskipError as error:
        pytest.skip(f"{error}")
    analysis = analyse(build(SIZE), input="u8")
    model = analysis.emit(analysis.relative_gates(0.3))
    onnx.save(model, tmp_path / "model.onnx")
    loaded = patchskip.load(str(tmp_path / "model.onnx"), threads=1)
    pipelines = [Pipeline(loaded, "detect", revisit=frames) for frames in (REVISIT, 0)]
    network, revisiting, state, shares = SkipNetwork(model), Revisiting(loaded.metadata, 2), {}, []
    for frame in DemoClip(FRAMES, SIZE):
        with torch.no_grad():
            pair = torch.from_numpy(np.stack([frame, frame[:, ::-1]]))
            found = network(pair, state, forgotten=revisiting.forgotten())
        revisiting.found(found.outputs)
        state = found.state
        for pipeline in pipelines:
            pipeline(frame)
        shares.append([float(found.active_macs[0]), *(p.stream.stats["active_macs"] for p in pipelines)])
    trained, revisited, never = np.array(shares).T
    np.testing.assert_allclose(trained, revisited, atol=1e-5)
    assert np.abs(revisited - never).max() > 0.01


def test_a_network_without_boxes():
    metadata = {
        "inputs": [{"name": "x", "shape": [1, 128, 160, 3], "dtype": "uint8", "layout": "NHWC"}],
        "outputs": [{"name": "y", "shape": [1, 10]}],
        "masks": [{"name": "x.active", "patch": 16, "size": [128, 160]}],
        "patch": 16,
    }
    revisiting = Revisiting(metadata, 2)
    assert revisiting.forgotten() is None
    revisiting.found({"y": torch.zeros(2, 10)})
