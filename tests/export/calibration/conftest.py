"""The demonstration's network at a small size, and a clip of it as a folder of images."""

import pytest

pytest.importorskip("onnx")
SIZE = (256, 320)
FRAMES = 12


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """-> folder with network.onnx, delta.patchskip.onnx, exact.patchskip.onnx, clip/."""
    from patchskip.benchmarks.demo_clip import DemoClip
    from patchskip.benchmarks.demo_network import build
    from patchskip.export import convert
    from patchskip.export.command import save
    from patchskip.runtime import opencv

    folder = tmp_path_factory.mktemp("demo")
    network = build(SIZE)
    save(network, folder / "network.onnx")
    save(convert(network, gate="exact").model, folder / "exact.patchskip.onnx")
    save(convert(network, gate="delta", halo="full", threshold=0.15, input="u8").model, folder / "delta.patchskip.onnx")
    (folder / "clip").mkdir()
    for index, frame in enumerate(DemoClip(FRAMES, SIZE)):
        opencv.load().imwrite(str(folder / "clip" / f"{index:06d}.png"), frame)
    return folder
