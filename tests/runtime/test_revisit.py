"""What a network found is computed anew now and then: delta gates do not keep a box where nobody is any more."""

import json
from itertools import islice

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

import patchskip  # noqa: E402
from patchskip.runtime import cli, opencv  # noqa: E402
from patchskip.runtime.errors import PatchskipError  # noqa: E402
from patchskip.runtime.pipeline import REVISIT, Pipeline  # noqa: E402
from patchskip.runtime.sources import open_source  # noqa: E402
from patchskip.runtime.tasks.boxes import overlap  # noqa: E402


@pytest.mark.parametrize(
    "model, options, expected",
    [
        ("delta", {}, REVISIT),
        ("delta", {"task": "track"}, REVISIT),
        ("delta", {"revisit": 7}, 7),
        ("delta", {"revisit": 0}, 0),
        ("delta", {"task": "none"}, 0),
        ("exact", {}, 0),
    ],
)
def test_how_often(demo, model, options, expected):
    pipeline = Pipeline(patchskip.load(demo / f"{model}.patchskip.onnx", 1), **options)
    assert pipeline.revisit == expected


@pytest.mark.parametrize("anew", [{"refresh": 5}, {"revisit": 5}])
def test_exact_gates_hold_nothing_back(demo, anew):
    with pytest.raises(PatchskipError, match="exact gates, which hold nothing back; leave --refresh and --revisit out"):
        Pipeline(patchskip.load(demo / "exact.patchskip.onnx", 1), "detect", **anew)


def test_boxes_are_needed(demo):
    with pytest.raises(PatchskipError, match="the task finds none; leave --revisit out"):
        Pipeline(patchskip.load(demo / "delta.patchskip.onnx", 1), "none", revisit=5)


def test_a_state_without_parts_is_left_alone_unless_it_was_asked_for(demo, monkeypatch):
    def refuse(*_):
        raise PatchskipError("cannot be refreshed in parts")

    monkeypatch.setattr("patchskip.runtime.stream.Parts", refuse)
    model = patchskip.load(demo / "delta.patchskip.onnx", 1)
    assert Pipeline(model, "detect").revisit == 0
    with pytest.raises(PatchskipError, match="cannot be refreshed in parts"):
        Pipeline(model, "detect", revisit=5)


def test_places_of_boxes_are_computed_while_nothing_changes(demo):
    """And only those: boxes and squares are in pixels of the picture."""
    frame = opencv.load().imread(str(demo / "clip" / "000001.png"))
    pipeline = Pipeline(patchskip.load(demo / "delta.patchskip.onnx", 1), "detect", revisit=4)
    boxes = pipeline(frame)
    seen = np.zeros(pipeline.stream.image_mask()[0].shape, bool)
    for _ in range(8):
        pipeline(frame)
        seen |= pipeline.stream.image_mask()[0]
    assert len(boxes) and 0 < seen.sum() < seen.size
    side = pipeline.stream.image_mask()[1]
    for x1, y1, x2, y2 in boxes[:, :4]:
        assert seen[int(max(y1, 0) // side) : int(y2 // side) + 1, int(max(x1, 0) // side) : int(x2 // side) + 1].all()


def test_commands(demo, tmp_path, capfd):
    model, clip = str(demo / "delta.patchskip.onnx"), str(demo / "clip")
    shares = {}
    for often in ("0", "2"):
        path = tmp_path / f"{often}.json"
        assert cli.main(["run", model, clip, "--revisit", often, "--json", str(path), "--quiet"]) == 0
        shares[often] = json.loads(path.read_text().splitlines()[-1])["summary"]["active_macs"]
    assert shares["2"] > shares["0"]
    assert cli.main(["run", model, clip, "--revisit", "-1", "--quiet"]) == 2
    assert "a revisit in -1 frames is not possible" in capfd.readouterr().err


@pytest.mark.slow
def test_the_box_of_a_person_who_stopped_does_not_stay_where_he_walked(data, tmp_path):
    """one-by-one: without it the box of frame 238 stays for 200 frames and more."""
    path = tmp_path / "m.patchskip.onnx"
    words = ["export", data / "weights" / "yolox_nano_416.onnx", "-o", path, "--gate", "delta", "--input", "u8"]
    assert cli.main([str(word) for word in [*words, "--input-size", 576, 768, "--quiet"]]) == 0
    model = patchskip.load(path, 2)
    kept, anew, dense = (Pipeline(model, "detect", revisit=often, classes=["person"]) for often in (0, None, 0))
    for frame in islice(open_source(str(data / "videos" / "one-by-one-person-detection.mp4")), 150, 330):
        found = [pipeline(frame) for pipeline in (kept, anew)]
    found.append(dense(frame))
    assert [len(boxes) for boxes in found] == [1, 1, 1]
    assert overlap(found[0], found[2]) < 0.6 < 0.85 < overlap(found[1], found[2])
