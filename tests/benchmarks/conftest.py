"""Makes `planned_support` importable by the tests of this folder."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The demonstration's network at a small size, dense and exported, and a clip as a folder of images."""
    from patchskip.benchmarks.demo_clip import DemoClip
    from patchskip.benchmarks.demo_network import build
    from patchskip.export import convert
    from patchskip.export.command import save
    from patchskip.runtime import opencv

    folder = tmp_path_factory.mktemp("demo")
    size = (256, 320)
    network = build(size)
    save(network, folder / "network.onnx")
    save(convert(network, gate="exact").model, folder / "exact.patchskip.onnx")
    save(convert(network, gate="delta", halo="full", threshold=0.15, input="u8").model, folder / "delta.patchskip.onnx")
    (folder / "clip").mkdir()
    clip = DemoClip(24, size)
    for index, frame in enumerate(clip):
        opencv.load().imwrite(str(folder / "clip" / f"{index + 1:06d}.png"), frame)
    rows = [
        f"{i + 1},{n},{x1},{y1},{x2 - x1},{y2 - y1},1,-1,-1,-1\n"
        for i in range(24)
        for n, (x1, y1, x2, y2) in enumerate(clip.boxes(i))
    ]
    (folder / "clip.gt.txt").write_text("".join(rows))
    return folder
