"""The delta gate: which layers decide, from which difference on, and that small changes stop there."""

import numpy as np
import pytest
from export_support import Stream, assert_close, dense_runner, evaluators, random_feeds
from onnx import numpy_helper

from patchskip.export import Gate, analyse, convert, gate_file
from patchskip.export.metadata import metadata_of
from patchskip.export.scales import generated_frames, measure
from patchskip.runtime.errors import PatchskipError


@pytest.fixture
def model(net):
    x = net.op("Relu", net.conv(net.input(1, 3, 32, 32), 3, 4, name="stem"))
    y = net.op("Relu", net.op("Add", net.conv(x, 4, 4, name="branch"), x))
    return net.model(net.conv(y, 4, 2, name="head"))


def attributes(exported):
    from onnx import helper

    return {
        node.name: {a.name: helper.get_attribute_value(a) for a in node.attribute}
        for node in exported.graph.node
        if node.op_type in ("PatchSkip", "PatchGate")
    }


def test_layers_before_multiplications_decide(model):
    found = attributes(convert(model, gate="delta", threshold=0.1, patch=8).model)
    assert found["images.gate"]["mode"] == b"delta" and found["images.gate"]["cell"] == 4
    assert found["stem"]["threshold"] > 0 and found["branch"]["threshold"] > 0
    assert found["stem"]["cell"] == 4 and "threshold" not in found["head"]


@pytest.mark.parametrize("halo,expected", [("none", {"stem", "join"}), ("full", {"stem", "join", "left", "right"})])
def test_without_halo_a_branch_has_no_gate(net, halo, expected):
    """What it stops the join makes active again; with halo it takes back what the kernel spread."""
    x = net.op("Relu", net.conv(net.input(1, 3, 32, 32), 3, 4, name="stem"))
    left, right = (net.conv(net.conv(x, 4, 4, name=name), 4, 4) for name in ("left", "right"))
    joined = net.conv(net.op("Relu", net.op("Concat", left, right, axis=1)), 8, 8, name="join")
    model = net.model(net.conv(joined, 8, 64, name="head"))
    found = attributes(convert(model, gate="delta", halo=halo, patch=8).model)
    assert {name for name in ("stem", "left", "right", "join", "head") if "threshold" in found[name]} == expected


def test_exact_has_no_thresholds(model):
    found = attributes(convert(model).model)
    assert not any("threshold" in a for a in found.values())


def test_thresholds_are_shares_of_the_mean_magnitude(model):
    """And a quarter of the share at the picture."""
    from patchskip.export.preprocess import PRESETS, normalised

    frames = generated_frames((32, 32), count=2)
    found = attributes(convert(model, gate="delta", threshold=0.2, preset="unit", feeds=frames).model)
    feeds = [{"images": normalised(frame, PRESETS["unit"])} for frame in frames]
    stem = model.graph.node[1].output[0]
    scales = measure(model, ["images", stem], feeds)
    assert found["stem"]["threshold"] == pytest.approx(0.2 * scales[stem], rel=1e-6)
    mean = np.abs([feed["images"] for feed in feeds]).mean()
    assert found["images.gate"]["threshold"] == pytest.approx(0.25 * 0.2 * mean, rel=1e-5)


def test_a_small_change_stops_at_the_image_and_a_larger_one_inside(net, rng):
    x = net.op("Relu", net.conv(net.input(1, 3, 32, 32), 3, 4, name="stem"))
    y = net.op("Relu", net.conv(x, 4, 4, name="middle"))
    model = net.model(net.conv(y, 4, 2, name="head"))
    gates = {"images": 0.1, "stem": 1e3, "middle": 1e3}
    exported = convert(model, gate="delta", gates=gates, patch=8).model
    metadata = metadata_of(exported)
    masks = {layer["name"]: layer["mask"] for layer in metadata["layers"]}
    frame = random_feeds(model, rng)["images"]
    for run in evaluators(exported).values():
        stream = Stream(exported, run)
        first = stream.infer({"images": frame})
        (expected,) = dense_runner(model)({"images": frame}).values()
        assert_close(first[metadata["outputs"][0]["name"]], expected)
        assert stream.active(stream.infer({"images": frame + np.float32(0.05)})) == 0
        out = stream.infer({"images": frame + np.float32(0.2)})
        assert out[masks["images"]].all() and out[masks["stem"]].all() and not out[masks["middle"]].any()


def test_a_slow_drift_is_caught(model, rng):
    gates = {"images": 0.1, "stem": 0.0, "branch": 0.0}
    exported = convert(model, gate="delta", gates=gates, patch=8).model
    frame = random_feeds(model, rng)["images"]
    for run in evaluators(exported).values():
        stream = Stream(exported, run)
        counts = [stream.active(stream.infer({"images": frame + np.float32(0.03 * i)})) for i in range(8)]
        assert counts[0] > 0 and counts[1:4] == [0, 0, 0] and sum(counts[4:]) > 0


@pytest.mark.parametrize("halo,fewer", [("full", False), ("none", True)])
def test_halo(net, rng, halo, fewer):
    x = net.input(1, 3, 32, 32)
    for _ in range(3):
        x = net.conv(x, 3 if x == "images" else 4, 4)
    model = net.model(x)
    exported = convert(model, gate="delta", threshold=1e-4, patch=4, halo=halo).model
    frame = random_feeds(model, rng)
    changed = {"images": frame["images"].copy()}
    changed["images"][:, :, 16:20, 16:20] += 1
    for run in evaluators(exported).values():
        stream = Stream(exported, run)
        assert all(np.isfinite(v).all() for v in stream.infer(frame).values())
        # Three convolutions: with halo one patch becomes 9, then 25. The last one's patches are laid out NCHW.
        assert (stream.active(stream.infer(changed)) <= 1 + 3 + 1) == fewer


def test_halo_is_always_full_in_exact_mode(model):
    assert convert(model, halo="none").model == convert(model, halo="full").model


@pytest.mark.parametrize(
    "change,words",
    [
        ({"images": None}, "missing images"),
        ({"other": 0.1}, "unknown other"),
        ({"head": 0.1}, "unknown head"),
        ({"stem": -1.0}, "must be 0 or more"),
        ({"stem": float("nan")}, "must be 0 or more"),
        ({"images": float("inf")}, "finite"),
        ({"stem": Gate(0.1, cell=3)}, "stem has cells of 3 pixels; they must divide its patches, of 16"),
        ({"images": Gate(0.1, cell=0)}, "images has cells of 0"),
        ({"stem": Gate(0.1, weights=np.ones(3, np.float32))}, r"stem has weights \[3\]; the tensor has 4 channels"),
        ({"images": Gate(0.1, weights=-np.ones(3, np.float32))}, "images has weights that are negative"),
        ({"stem": Gate(0.1, weights=np.full(4, np.nan, np.float32))}, "not finite"),
    ],
)
def test_gates_that_do_not_fit(model, change, words):
    gates = {"images": 0.1, "stem": 0.1, "branch": 0.1, **change}
    with pytest.raises(PatchskipError, match=words):
        convert(model, gate="delta", gates={k: v for k, v in gates.items() if v is not None})


def test_cells_of_a_picture_have_a_most(net):
    model = net.model(net.conv(net.conv(net.input(1, 3, 64, 64), 3, 4, name="stem"), 4, 4))
    with pytest.raises(PatchskipError, match="at the picture 16 are possible"):
        convert(model, gate="delta", patch=64, gates={"images": Gate(0.1, cell=32)})
    found = attributes(convert(model, gate="delta", patch=64).model)
    assert found["images.gate"]["cell"] == 16


def test_gates_with_cells_and_weights(model):
    weights = np.array([0.5, 0, 2, 1], np.float32)
    gates = {"images": Gate(0.1, cell=2, weights=np.ones(3)), "branch": Gate(0.2, cell=1, weights=weights)}
    exported = convert(model, gate="delta", gates=gates, patch=8).model
    found = attributes(exported)
    assert found["images.gate"]["cell"] == 2 and found["images.gate"]["weights"] == [1, 1, 1]
    assert found["branch"]["cell"] == 1 and found["branch"]["weights"] == weights.tolist()
    assert "threshold" not in found["stem"], "it is not in the file"
    described = [{**gate, "threshold": pytest.approx(gate["threshold"])} for gate in metadata_of(exported)["gates"]]
    assert described == [
        {"name": "images", "kind": "picture", "threshold": 0.1, "cell": 2, "channels": 3, "weighted": True},
        {"name": "branch", "kind": "layer", "threshold": 0.2, "cell": 1, "channels": 4, "weighted": True},
    ]
    assert metadata_of(exported)["threshold"] is None
    assert metadata_of(convert(model).model)["gates"] == []


def test_any_candidate_can_have_a_gate(net):
    """One that the default leaves out as well, as there is a way around it."""
    x = net.op("Relu", net.conv(net.input(1, 3, 32, 32), 3, 4, name="stem"))
    left, right = (net.conv(net.conv(x, 4, 4, name=name), 4, 4) for name in ("left", "right"))
    joined = net.conv(net.op("Concat", left, right, axis=1), 8, 8, k=1, name="join")
    analysis = analyse(net.model(net.conv(joined, 8, 8, name="head")))
    names = {layer.name for layer in analysis.candidates()}
    assert {"stem", "left", "right", "join"} <= names and "head" not in names
    found = attributes(analysis.emit({"images": 0.1, **dict.fromkeys(names, 0.2)}))
    assert {name for name in found if "threshold" in found[name]} == names | {"images.gate"}


def test_weights_decide_which_channels_count(net, rng):
    x = net.op("Relu", net.conv(net.input(1, 3, 32, 32), 3, 4, k=1, name="stem"))
    model = net.model(net.conv(x, 4, 2, name="head"))
    weight = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weight[:] = np.eye(4, 3).reshape(weight.shape)  # channel c of the stem is that of the picture
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, model.graph.initializer[0].name))
    gates = {"images": 1e-6, "stem": Gate(1e-6, weights=np.array([0, 1, 1, 1], np.float32))}
    exported = convert(model, gate="delta", gates=gates, patch=8).model
    masks = {layer["name"]: layer["mask"] for layer in metadata_of(exported)["layers"]}
    frame = random_feeds(model, rng)["images"]
    for run in evaluators(exported).values():
        for channel, seen in ((0, False), (1, True)):
            stream = Stream(exported, run)
            stream.infer({"images": frame})
            later = frame.copy()
            later[:, channel] = np.abs(later[:, channel]) + 1
            out = stream.infer({"images": later})
            assert out[masks["stem"]].all() and out[masks["head"]].any() == seen


def test_one_analysis_emits_the_same_again(model):
    analysis = analyse(model, patch=8)
    first, exact = analysis.emit({"images": 0.1, "stem": 0.2}), analysis.emit()
    assert analysis.emit({"images": 0.1, "stem": 0.2}) == first and analysis.emit() == exact
    assert first == convert(model, gate="delta", gates={"images": 0.1, "stem": 0.2}, patch=8).model
    assert exact == convert(model, patch=8).model
    relative = analysis.relative_gates(0.15)
    assert analysis.emit(relative, threshold=0.15) == convert(model, gate="delta", patch=8).model


def test_a_file_of_gates_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "gates.npz"
    gates = {
        "images": Gate(5.5, cell=2, weights=np.array([1, 0.5, 0], np.float32)),
        "/backbone/conv 1/Conv": Gate(0.1),
        "file": Gate(0.0, cell=1),
    }
    gate_file.write(path, gates)
    found = gate_file.read(path)
    assert list(found) == list(gates)
    for name, gate in gates.items():
        assert (found[name].threshold, found[name].cell) == (gate.threshold, gate.cell)
        assert (found[name].weights is None) == (gate.weights is None)
    np.testing.assert_array_equal(found["images"].weights, gates["images"].weights)
    before = path.read_bytes()
    gate_file.write(path, gates)
    assert path.read_bytes() == before
    with pytest.raises(PatchskipError, match="rename"):
        gate_file.write(path, {"a": Gate(1), "a.cell": Gate(1)})
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "values,words",
    [
        ({"images": [0.1, 0.2]}, "images is float64 of shape .2., not one number"),
        ({"images": "text"}, "not one number"),
        ({"images": 0.1, "images.cell": 1.5}, "not one integer"),
        ({"images": 0.1, "images.weights": [[1.0]]}, "not a list of numbers"),
    ],
)
def test_a_file_that_is_none_of_gates(tmp_path, values, words):
    np.savez(tmp_path / "gates.npz", **values)
    with pytest.raises(PatchskipError, match=words):
        gate_file.read(tmp_path / "gates.npz")


def test_generated_frames_are_the_same_every_time():
    first, second = generated_frames((48, 64)), generated_frames((48, 64))
    assert all(np.array_equal(a, b) for a, b in zip(first, second)) and first[0].shape == (48, 64, 3)
    assert 20 < first[0].std() < 90  # grey levels, as photographs
