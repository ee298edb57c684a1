"""Exported gates: streamed through ONNX Runtime they decide as in PyTorch, and their cost is counted."""

import json
import os

import numpy as np
import onnx
import pytest
import torch
from export_support import Stream, evaluators

import patchskip
from patchskip.export import convert, pass_gates
from patchskip.export.analysis import analyse
from patchskip.export.metadata import metadata_of
from patchskip.export.preprocess import PRESETS, normalised
from patchskip.plugins import library
from patchskip.runtime import cli
from patchskip.runtime.errors import PatchskipError

FORMS = {
    "published": {"head": "published"},
    "local": {"depth": 2},
    "pooled": {"pool": 4, "depth": 0},
}
native = pytest.mark.skipif(not os.path.isfile(library.FILE), reason="the native library is not built")


def pictures(clip, preset="unit"):
    return [normalised(frame, PRESETS[preset]) for frame in clip]


def spread(mask, patch):
    return torch.from_numpy(np.kron(mask, np.ones((patch, patch), bool)))


class Replay:
    """A gate in PyTorch that remembers what was last computed of each patch."""

    def __init__(self, gate, patch):
        self.gate, self.patch, self.seen = gate, patch, None

    def __call__(self, current):
        """[1, C, H, W] -> bool [Gh, Gw], what is to be computed; how sure the decision is."""
        current = torch.from_numpy(np.ascontiguousarray(current))
        if self.seen is None:
            self.seen = torch.full_like(current, float("nan"))
        with torch.no_grad():
            decision = self.gate(current, self.seen)
        active = decision.skip[0].numpy() == 0
        return active, (decision.probability[0].numpy() - 0.5)

    def computed(self, current, active):
        where = spread(active, self.patch)[: current.shape[2], : current.shape[3]]
        self.seen = torch.where(where, torch.from_numpy(np.ascontiguousarray(current)), self.seen)


@pytest.mark.parametrize("form", FORMS)
def test_the_picture_s_gate_decides_as_in_pytorch(network, gate, clip, form):
    made = gate("images", **FORMS[form])
    exported = convert(network, patch=8, gate="delta", preset="unit", pass_gates={"images": made.trained()}).model
    onnx.checker.check_model(exported)
    metadata = metadata_of(exported)
    name = next(layer["mask"] for layer in metadata["layers"] if layer["name"] == "images")
    for run in evaluators(exported).values():
        stream, replay, counts = Stream(exported, run), Replay(made, 8), []
        for picture in pictures(clip):
            mask = stream.infer({"images": picture})[name] != 0
            expected, margin = replay(picture)
            assert np.array_equal(mask, expected) or np.abs(margin[mask != expected]).max() < 1e-4
            replay.computed(picture, mask)
            counts.append(mask.mean())
        assert counts[0] == 1 and 0 < np.mean(counts[1:]) < 1, counts


@pytest.mark.parametrize("form", ["published", "local"])
def test_layers_gates_decide_among_the_candidates(network, gate, clip, form):
    """At the stem, which reads the picture, and at a pointwise convolution with a depthwise one inside."""
    gates = {"images": gate("images"), **{name: gate(name, **FORMS[form]) for name in ("stem", "middle")}}
    torch.nn.init.constant_(gates["images"].head.bias, -100.0)  # all are candidates
    trained = {name: made.trained() for name, made in gates.items()}
    exported = convert(network, patch=8, gate="delta", preset="unit", pass_gates=trained).model
    metadata = metadata_of(exported)
    layers = {layer["name"]: layer for layer in metadata["layers"]}
    assert layers["middle"]["op_type"] == "SeparableConv"
    stem = next(node.output[0] for node in exported.graph.node if node.name == "stem")
    run = next(iter(evaluators(exported).values()))
    stream, replays = Stream(exported, run), {"stem": Replay(gates["stem"], 8), "middle": Replay(gates["middle"], 4)}
    for picture in pictures(clip):
        states = dict(stream.states)
        out = stream.infer({"images": picture})
        for name, x in (("stem", "images.nhwc"), ("middle", stem)):
            (cache,) = (s["input"] for s in metadata["states"] if s["output"] == x)
            kept = out[x] if x in out else states[cache]
            current = kept.transpose(0, 3, 1, 2)
            mask = out[layers[name]["mask"]] != 0
            candidates = out[layers["images" if name == "stem" else "stem"]["mask"]] != 0
            expected, margin = replays[name](current)
            expected = expected & candidates
            assert np.array_equal(mask, expected) or np.abs(margin[mask != expected]).max() < 1e-4
            replays[name].computed(current, mask)


@native
@pytest.mark.parametrize("input,preset", [("float", "unit"), ("u8", "unit"), ("u8", "imagenet"), ("u8", "yolox")])
def test_the_runtime_counts_the_gate_s_cost(network, gate, clip, tmp_path, input, preset):
    made = gate("images")
    options = {"patch": 8, "gate": "delta", "preset": preset, "input": input}
    path = os.fspath(tmp_path / "gated.onnx")
    result = convert(network, pass_gates={"images": made.trained()}, **options)
    onnx.save(result.model, path)
    own = convert(network, gates={"images": 0.0}, **options).report["macs"]
    assert result.report["macs"] == own and result.report["coverage"] == 1.0
    (node,) = (node for node in result.report["nodes"] if node["op_type"] == "PassGate")
    assert node["macs"] == made.macs((48, 64)) and node["name"] == "images.gate" and not node["patchskip"]
    stream, replay = patchskip.load(path, threads=1).stream(), Replay(made, 8)
    for frame, picture in zip(clip, pictures(clip, preset)):
        stream.infer({"images": frame[None] if input == "u8" else picture})
        mask, (expected, _) = stream.image_mask()[0], replay(picture)
        assert np.array_equal(mask, expected)
        replay.computed(picture, mask)
        stats = stream.stats
        layers = sum(layer["macs"] * layer["active"] for layer in stats["layers"])
        assert stats["active_macs"] == pytest.approx((layers + made.macs((48, 64))) / own)
    stream.reset()
    stream.infer({"images": clip[0][None] if input == "u8" else pictures(clip[:1], preset)[0]})
    assert stream.image_mask()[0].all() and stream.stats["active_macs"] > 1


def test_other_places_may_have_thresholds(network, gate):
    trained = {"images": gate("images").trained()}
    for given, expected in (({}, 0), ({"gates": {"stem": 0.1}}, 1), ({"threshold": 0.1}, 2)):
        model = convert(network, patch=8, gate="delta", preset="unit", pass_gates=trained, **given).model
        found = [node for node in model.graph.node if any(a.name == "threshold" for a in node.attribute)]
        assert len([node for node in found if node.op_type == "PatchSkip"]) == expected
        assert not any(node.op_type == "PatchGate" for node in model.graph.node)


def test_files_hold_what_was_written(gate, tmp_path):
    gates = {"images": gate("images").trained(), "a/b.0": gate("stem", head="published").trained()}
    first, second = (os.fspath(tmp_path / name) for name in "ab")
    for path in (first, second):
        pass_gates.write(path, gates)
    found = pass_gates.read(first)
    assert list(found) == list(gates) and all(found[name].form == gates[name].form for name in gates)
    for name, made in gates.items():
        assert all(np.array_equal(value, made.parameters[key]) for key, value in found[name].parameters.items())
    with open(first, "rb") as a, open(second, "rb") as b:
        assert a.read() == b.read()


def test_export_and_inspect(network, gate, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    onnx.save(network, "net.onnx")
    pass_gates.write("gates.npz", {"images": gate("images").trained()})
    options = ["--patch", "8", "--gate", "delta", "--preprocess", "unit", "--pass-gates", "gates.npz"]
    assert cli.main(["export", "net.onnx", "-o", "out.onnx", *options]) == 0
    assert cli.main(["inspect", "out.onnx", "--json", "found.json"]) == 0
    assert "a PASS gate looks at the whole of its input on every frame: PassGate images.gate" in capsys.readouterr().out
    with open("found.json") as file:
        assert any(node["op_type"] == "PassGate" for node in json.load(file)["nodes"])
    capsys.readouterr()
    assert cli.main(["export", "net.onnx", "-o", "out.onnx", "--pass-gates", "gates.npz"]) == 2
    assert "the gate asked for is exact" in capsys.readouterr().err


def test_gates_that_do_not_fit(network, gate):
    images, stem = gate("images").trained(), gate("stem").trained()
    for gates, options, words in (
        ({"images": images}, {"patch": 16}, "trained for patch 8, the network has 16"),
        ({"images": gate("middle").trained()}, {}, "trained for channels 8, the network has 3"),
        ({"stem": stem}, {}, "missing images"),
        ({"images": images, "nothing": stem}, {}, "no place for a PASS gate at nothing: it is no layer"),
        ({"images": images, "depthwise": stem}, {}, "depthwise is computed inside middle"),
        ({"images": images, "stem": stem}, {"gates": {"stem": 0.1}}, "a threshold and a PASS gate"),
    ):
        with pytest.raises(PatchskipError, match=words):
            convert(
                network, **{"patch": 8, "gate": "delta", "preset": "unit", "pass_gates": gates, "gates": {}, **options}
            )
    with pytest.raises(PatchskipError, match="tied to one size"):
        part = analyse(network, patch=8, preset="unit", input_size=(32, 32))
        part.emit(pass_gates={"images": gate("images", head="published").trained()})


def test_files_that_are_none(tmp_path, gate):
    trained = gate("images").trained()
    path = tmp_path / "gates.npz"
    np.savez(path, images=0.1)
    with pytest.raises(PatchskipError, match="not a file of PASS gates"):
        pass_gates.read(os.fspath(path))
    path.write_bytes(b"no archive")
    with pytest.raises(PatchskipError, match="not a file of PASS gates"):
        pass_gates.read(os.fspath(path))
    with pytest.raises(PatchskipError, match="cannot read"):
        pass_gates.read(os.fspath(tmp_path / "none.npz"))
    for value, words in (
        (np.zeros(2, np.float32), r"head.bias is \[2\], \[1\] expected"),
        (np.float32([np.nan]), "not finite"),
    ):
        with pytest.raises(PatchskipError, match=words):
            pass_gates.TrainedGate(trained.form, {**trained.parameters, "head.bias": value})
