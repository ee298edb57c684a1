"""Parts of the picture are computed anew within a number of frames, whether they changed or not."""

import json

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

import patchskip  # noqa: E402
from patchskip.benchmarks.demo_network import build  # noqa: E402
from patchskip.export import convert  # noqa: E402
from patchskip.export.command import save  # noqa: E402
from patchskip.runtime import cli  # noqa: E402
from patchskip.runtime.errors import PatchskipError  # noqa: E402
from patchskip.runtime.parts import Parts  # noqa: E402
from patchskip.runtime.refresh import Refresh, Revisit  # noqa: E402

SIZE = (96, 160)


@pytest.fixture(scope="module", params=[("none", SIZE), ("full", SIZE), ("none", (60, 100))])
def model(request, tmp_path_factory):
    """The last one resizes frames of another size itself."""
    path = tmp_path_factory.mktemp("refresh") / "m.patchskip.onnx"
    halo, frame = request.param
    made = convert(build(SIZE), gate="delta", threshold=0.3, halo=halo, input="u8", frame_size=frame)
    save(made.model, path)
    return patchskip.load(path, threads=1)


def stale(model, refresh, revisit=None):
    """-> a stream that saw a picture, the network's name for it, and a second one that differs too little for gates."""
    rng = np.random.default_rng(0)
    name, shape = model.inputs[0]["name"], model.inputs[0]["shape"]
    first = rng.integers(60, 180, shape).astype(np.uint8)
    second = first + rng.integers(0, 2, first.shape).astype(np.uint8)
    stream = model.stream(refresh, revisit)
    stream.infer({name: first})
    return stream, name, second


def test_without_it_what_was_held_back_stays(model):
    stream, name, second = stale(model, None)
    outputs = [stream.infer({name: second}) for _ in range(30)]
    assert stream.stats["active_macs"] == 0
    fresh = model.stream().infer({name: second})
    assert any((outputs[-1][key] != fresh[key]).any() for key in fresh)


@pytest.mark.parametrize("frames", [1, 7, 30])
def test_everything_is_new_within_so_many_frames(model, frames):
    stream, name, second = stale(model, frames)
    shares = []
    for _ in range(frames):
        found = stream.infer({name: second})
        shares.append(stream.stats["active_macs"])
        assert all(np.isfinite(value).all() for value in found.values())
    assert max(shares) > 0 and (frames < 30 or max(shares) < 0.5)
    # A square is computed from neighbours of other ages: nearer, and after a second round still nearer.
    fresh, kept = model.stream().infer({name: second}), stale(model, None)[0].infer({name: second})
    for _ in range(frames):
        later = stream.infer({name: second})
    for key in fresh:
        once, twice, before = (np.linalg.norm(value[key] - fresh[key]) for value in (found, later, kept))
        assert once <= 0.9 * before and twice <= 0.4 * before


def test_exact_is_not_changed(tmp_path):
    save(convert(build(SIZE), gate="exact", input="u8").model, tmp_path / "m.patchskip.onnx")
    model = patchskip.load(tmp_path / "m.patchskip.onnx", threads=1)
    rng, name = np.random.default_rng(1), model.inputs[0]["name"]
    plain, anew = model.stream(), model.stream(refresh=5)
    for _ in range(12):
        frame = rng.integers(0, 255, (1, *SIZE, 3)).astype(np.uint8)
        one, other = plain.infer({name: frame}), anew.infer({name: frame})
        assert all((one[key] == other[key]).all() for key in one)


class Recorded:
    """In place of Parts: how often each square was forgotten."""

    grid, square = (4, 6), [32, 32]

    def __init__(self):
        self.counts = np.zeros(self.grid, int)

    def forget(self, rows, columns):
        self.counts[rows, columns] += 1

    def over(self, calls, frames, boxes=None):
        """-> the counts of so many frames, of which calls are made before and boxes found after."""
        self.counts[:] = 0
        for _ in range(frames):
            calls()
            if boxes is not None:
                calls.found(boxes)
        return self.counts


@pytest.mark.parametrize("frames", [1, 3, 7, 100])
def test_every_square_has_its_turn_once(frames):
    parts = Recorded()
    refresh = Refresh(parts, frames)
    for _ in range(3):
        assert (parts.over(refresh, frames) == 1).all()


def under(*boxes):
    """-> bool [4, 6]: squares of Recorded, under boxes that lie in it at least in part."""
    mask = np.zeros(Recorded.grid, bool)
    for left, top, right, bottom in boxes:
        mask[max(top, 0) // 32 : bottom // 32 + 1, max(left, 0) // 32 : right // 32 + 1] = True
    return mask


def test_a_box_has_its_turn_once_in_so_many_frames():
    """One that lies outside of the picture has none."""
    parts, box = Recorded(), (-100, 5, 40, 63)
    boxes = [box, (5000, 5000, 6000, 6000), (-50, -50, -10, 20)]
    revisit = Revisit(parts, 10)
    parts.over(revisit, 11, boxes)
    for _ in range(3):
        assert (parts.over(revisit, 10, boxes) == under(box)).all()
    assert not parts.over(revisit, 1, []).any()
    assert not parts.over(revisit, 30, []).any()


@pytest.mark.parametrize("look", [1, 3, 5])
def test_boxes_that_are_due_together_are_spread(look):
    """Also when the boxes are told after every few frames."""
    parts, boxes = Recorded(), [(32 * i, 0, 32 * i + 20, 60) for i in range(6)]
    revisit, most, counts = Revisit(parts, 15), 0, 0
    for index in range(90):
        counts = counts + parts.over(revisit, 1)
        most = max(most, np.count_nonzero(parts.counts) / 2)
        if index % look == 0:
            revisit.found(boxes)
    assert most <= -(-6 * look // 15)
    assert ((4 <= counts[:2]) & (counts[:2] <= 6)).all() and not counts[2:].any()


def test_a_box_that_overlaps_another_has_its_turn():
    """Every square has, although the squares that two share are forgotten with either."""
    parts, boxes = Recorded(), [(0, 0, 60, 120), (40, 10, 100, 120), (50, 0, 60, 20)]
    revisit = Revisit(parts, 8)
    parts.over(revisit, 20, boxes)
    assert (parts.over(revisit, 16, boxes)[under(*boxes)] >= 1).all()


def test_who_walks_on_is_not_revisited():
    """Gates see him: no square is under him for long."""
    parts = Recorded()
    revisit = Revisit(parts, 20)
    for step in range(0, 192, 4):
        assert not parts.over(revisit, 1, [(step, 40, step + 20, 90)]).any()


def test_a_stale_box_goes_when_it_is_revisited(model):
    stream, name, second = stale(model, None, revisit=5)
    fresh = model.stream().infer({name: second})
    for _ in range(6):
        found = stream.infer({name: second})
        stream.found(np.array([[0, 0, SIZE[1], SIZE[0]]]))
    assert all((found[key] == fresh[key]).all() for key in fresh)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenetv2_224", "blazepose_lite_256"])
def test_a_network_whose_end_is_global_is_refreshed_in_parts(data, tmp_path, name):
    path = tmp_path / "m.patchskip.onnx"
    words = ["export", data / "weights" / (name + ".onnx"), "-o", path, "--gate", "delta", "--input", "u8", "--quiet"]
    assert cli.main([str(word) for word in words]) == 0
    model = patchskip.load(path, threads=1)
    stream, entry = model.stream(refresh=10), model.inputs[0]
    frame = np.random.default_rng(0).integers(0, 255, entry["shape"]).astype(entry["dtype"])
    stream.infer({entry["name"]: frame})
    shares = []
    for _ in range(20):
        assert all(np.isfinite(value).all() for value in stream.infer({entry["name"]: frame}).values())
        shares.append(stream.stats["active_macs"])
    assert 0 < max(shares) < 0.4


@pytest.mark.parametrize(
    "boxes", [[[1, 2, 3, 4, 0.5, 0]], [1, 2, 3, 4], [[float("nan"), 0, 1, 1]], [[0, 0, float("inf"), 1]]]
)
def test_boxes_that_are_none(model, boxes):
    for stream in (model.stream(), model.stream(revisit=5)):
        with pytest.raises(PatchskipError, match="x1, y1, x2, y2 in pixels of the network's picture"):
            stream.found(boxes)
        stream.found([])


def test_what_cannot_be(model, monkeypatch):
    for frames in (0, -1, 1.5, float("nan"), "a", True):
        for often in ("refresh", "revisit"):
            with pytest.raises(PatchskipError, match="a {} in {!r} frames is not possible".format(often, frames)):
                model.stream(**{often: frames})
    monkeypatch.setattr(Parts, "_sides", lambda self, state, *rest: (1, 1, 1))
    with pytest.raises(PatchskipError, match="cannot be refreshed in parts"):
        model.stream(refresh=5)


def test_commands(model, tmp_path, capfd):
    clip = "synthetic://?frames=6&size={1}x{0}".format(*SIZE)
    assert cli.main(["run", model.path, clip, "--refresh", "3", "--json", str(tmp_path / "r.json"), "--quiet"]) == 0
    records = [json.loads(line) for line in (tmp_path / "r.json").read_text().splitlines()]
    assert min(record["active_macs"] for record in records[:-1]) > 0.1
    assert cli.main(["run", model.path, clip, "--refresh", "0", "--quiet"]) == 2
    assert "a refresh in 0 frames" in capfd.readouterr().err
