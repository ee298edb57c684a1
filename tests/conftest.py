"""What all tests share: random numbers seeded from the test's name, the test data, which may be absent, and the
demonstration, which is made here."""

import os
import pathlib
import zlib

import numpy as np
import pytest

DATA = pathlib.Path(os.environ.get("PATCHSKIP_TEST_DATA", pathlib.Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture
def seed(request):
    number = zlib.crc32(request.node.name.encode())
    print("seed", number)
    return number


@pytest.fixture
def rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture(scope="session")
def data():
    if not DATA.is_dir():
        pytest.skip(f"no test data at {DATA}; set PATCHSKIP_TEST_DATA")
    return DATA


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """-> folder of the demonstration at a small size: network.onnx, exact.patchskip.onnx, delta.patchskip.onnx, 24
    pictures in clip/, and clip.gt.txt."""
    pytest.importorskip("onnx")
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
    for number, frame in enumerate(clip, 1):
        opencv.load().imwrite(str(folder / "clip" / f"{number:06d}.png"), frame)
    rows = [
        f"{i + 1},{n},{x1},{y1},{x2 - x1},{y2 - y1},1,-1,-1,-1\n"
        for i in range(24)
        for n, (x1, y1, x2, y2) in enumerate(clip.boxes(i))
    ]
    (folder / "clip.gt.txt").write_text("".join(rows))
    return folder
