import numpy as np

from patchskip.benchmarks import demo as demonstration
from patchskip.benchmarks.accuracy import average_precision
from patchskip.benchmarks.demo_clip import DemoClip
from patchskip.benchmarks.dense import DenseModel
from patchskip.runtime.pipeline import Pipeline
from patchskip.runtime.tasks.boxes import overlap


def test_clip_is_the_same_every_time_and_holds_its_boxes():
    size = (256, 320)
    first, second = (list(DemoClip(3, size)) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert (first[0] != first[1]).any()
    clip = DemoClip(500, size)
    boxes = np.array([clip.boxes(i) for i in range(500)])
    assert (boxes[..., :2] >= 0).all() and (boxes[..., 2:] <= (320, 256)).all()
    x1, y1, x2, y2 = boxes[0, 0].round().astype(int)
    assert first[0][(y1 + y2) // 2, (x1 + x2) // 2].min() > 200


def test_network_finds_the_shapes(demo):
    clip = DemoClip(12, (256, 320))
    pipeline = Pipeline(DenseModel(demo / "network.onnx", 1), "detect")
    found = [pipeline(frame) for frame in clip]
    truth = [clip.boxes(i) for i in range(12)]
    assert average_precision(found, truth, iou=0.5) > 0.99
    best = [overlap(t, f[:, :4]).max(axis=1) for t, f in zip(truth, found, strict=True)]
    assert np.mean(best) > 0.8


def test_demonstration(tmp_path, capsys):
    assert demonstration.main([str(tmp_path), "--frames", "30", "--picture", str(tmp_path / "picture.png")]) == 0
    text = capsys.readouterr().out
    assert "$ patchskip export" in text and "$ patchskip run" in text and "x end to end" in text
    for name in ("annotated.mp4", "report.html", "benchmark.json", "picture.png", "network.patchskip.onnx"):
        assert (tmp_path / name).stat().st_size > 1000
