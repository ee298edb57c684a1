"""Slow drift: brightness that ramps by one grey level every ten frames must not add up to an error."""

import itertools

import numpy as np
import pytest

import patchskip
from patchskip.benchmarks import accuracy
from patchskip.runtime import cli
from patchskip.runtime.pipeline import Pipeline
from patchskip.runtime.sources import open_source

FRAMES, LAPS, LEVELS = 100, 6, 30  # of the clip, how often it is played, grey levels below and above


def errors(model, frames):
    """-> 1 - AP50 against the dense network, of the first and of the last lap, without and with a ramp."""
    options = {"conf": accuracy.CONFIDENCE, "nms": accuracy.NMS, "classes": [accuracy.PERSON]}
    found = []
    for steep in (0, 1):
        skip, dense = Pipeline(model, "detect", **options), Pipeline(model, "detect", **options)
        for lap in range(LAPS):
            boxes, truths = [], []
            for index, frame in enumerate(frames):
                level = steep * ((lap * len(frames) + index) // 10 - LEVELS)
                shifted = np.clip(frame.astype(np.int16) + level, 0, 255).astype(np.uint8)
                boxes.append(skip(shifted))
                if lap in (0, LAPS - 1):
                    dense.stream.reset()
                    seen = dense(shifted)
                    truths.append(seen[seen[:, 4] > 0.3, :4])
            if truths:
                found.append(1 - accuracy.average_precision(boxes, truths))
    return found


@pytest.mark.slow
def test_a_brightness_ramp_ends_as_it_began(data, tmp_path):
    clip, path = data / "videos" / "pets09_s2l1_vtest_480x360.avi", tmp_path / "nano.patchskip.onnx"
    network = data / "weights" / "yolox_nano_416.onnx"
    words = ["export", network, "-o", path, "--input-size", "576", "768", "--gate", "delta", "--input", "u8"]
    assert cli.main([str(word) for word in [*words, "--source", clip, "--quiet"]]) == 0
    frames = list(itertools.islice(open_source(str(clip)), 100, 100 + FRAMES))
    first, last, first_ramped, last_ramped = errors(patchskip.load(str(path)), frames)
    print(f"without a ramp {first:.4f}, at the end {last:.4f}; with it {first_ramped:.4f}, {last_ramped:.4f}")
    assert last_ramped <= last + 0.01  # an error of its own, beside what the gates leave behind on any clip
    assert last_ramped <= 0.05
