"""`patchskip export` and `patchskip inspect`: what they write, and one line for everything that can be wrong."""

import json
import os

import numpy as np
import onnx
import pytest
from onnx import helper

from patchskip.export.metadata import metadata_of, set_metadata
from patchskip.runtime.cli import main


@pytest.fixture
def file(net, tmp_path):
    x = net.op("Relu", net.conv(net.input(1, 3, 32, 32), 3, 4, name="stem"))
    path = tmp_path / "net.onnx"
    onnx.save(net.model(net.op("Softmax", net.conv(x, 4, 2, name="head"), axis=1)), path)
    return path


def run(*words):
    return main([str(word) for word in words])


def test_export_and_inspect(file, tmp_path, capsys):
    assert run("export", file, "--patch", 8, "--json", tmp_path / "export.json") == 0
    printed = capsys.readouterr().out
    assert "coverage 100.0%" in printed and "Softmax" in printed and "net.patchskip.onnx" in printed
    assert run("inspect", tmp_path / "net.patchskip.onnx", "--json", tmp_path / "inspect.json", "--layers") == 0
    assert "stem" in capsys.readouterr().out
    first, second = (json.loads((tmp_path / name).read_text()) for name in ("export.json", "inspect.json"))
    assert {k: first[k] for k in second} == second
    assert second["coverage"] == 1.0 and second["macs"] == 32 * 32 * (4 * 27 + 2 * 36)
    assert 0 < second["memory_ratio"] <= 1.2
    reasons = [node["reason"] for node in second["nodes"] if not node["patchskip"]]
    assert len(reasons) == 1 and "Softmax" in reasons[0]


@pytest.mark.parametrize("words", [["--threshold", 1], ["--halo", "none"], ["--halo", "full"], ["--source", "a.mp4"]])
def test_exact_gates_have_nothing_to_choose(file, capsys, words):
    assert run("export", file, *words) == 2
    assert words[0] in capsys.readouterr().err


def test_delta_without_a_clip_says_where_the_thresholds_come_from(file, capsys):
    clip = "synthetic://?frames=3&size=64x48"
    for words, said in (([], False), (["--gate", "delta"], True), (["--gate", "delta", "--source", clip], False)):
        assert run("export", file, *words) == 0
        assert ("--source VIDEO" in capsys.readouterr().out) == said, words


def test_inspect_says_what_is_kept_and_where_gates_are(file, tmp_path, capsys):
    assert run("export", file, "--gate", "delta", "--threshold", 0.5, "--quiet") == 0
    assert run("inspect", tmp_path / "net.patchskip.onnx", "--json", tmp_path / "inspect.json", "--layers") == 0
    lines = {line.split()[-1]: line for line in capsys.readouterr().out.splitlines() if " MMAC " in line}
    assert "kept" in lines["stem"] and "gate" in lines["stem"] and "32x32x4" in lines["stem"]
    assert "gate" in lines["images"] and "gate" not in lines["head"]
    found = json.loads((tmp_path / "inspect.json").read_text())
    nodes = {node["name"]: node for node in found["nodes"]}
    assert nodes["stem"]["kept"] and nodes["stem"]["threshold"] > 0 == nodes["head"]["threshold"]
    assert found["activation_bytes"] == 4 * 32 * 32 * (3 + 4 + 2 + 2)
    assert found["memory_ratio"] == pytest.approx(found["state_bytes"] / found["activation_bytes"])


def test_inspect_an_ordinary_network(file, capsys):
    assert run("inspect", file, "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["coverage"] == 0 and found["macs"] == 32 * 32 * (4 * 27 + 2 * 36) and len(found["nodes"]) == 4


def test_quiet_says_nothing(file, capsys):
    assert run("export", file, "--quiet") == 0
    assert capsys.readouterr().out == ""


def test_source_sha256_and_preset(file, tmp_path):
    import hashlib

    assert run("export", file, "--preprocess", "unit", "--quiet") == 0
    model = onnx.load(tmp_path / "net.patchskip.onnx")
    metadata = metadata_of(model)
    assert metadata["source_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert metadata["preset"] == "unit" and metadata["preprocess"]["std"] == [255.0] * 3


def test_gates_from_a_file(file, tmp_path):
    np.savez(tmp_path / "gates.npz", images=np.float32(0.1), stem=0.25)
    assert run("export", file, "--gate", "delta", "--gates", tmp_path / "gates.npz", "--quiet") == 0
    nodes = onnx.load(tmp_path / "net.patchskip.onnx").graph.node
    stem = next(node for node in nodes if node.name == "stem")
    assert {a.name: helper.get_attribute_value(a) for a in stem.attribute}["threshold"] == 0.25


def test_means_from_a_video(file):
    pytest.importorskip("cv2")
    assert run("export", file, "--gate", "delta", "--source", "synthetic://?frames=3&size=64x48", "--quiet") == 0


def test_means_from_a_part_of_a_video(file, tmp_path):
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(0)
    for folder in ("whole", "part"):
        (tmp_path / folder).mkdir()
    for number in range(3):
        frame = rng.integers(0, 256, (40, 60, 3), np.uint8)
        frame[:, 30:] //= 8
        cv2.imwrite(str(tmp_path / "whole" / f"{number}.png"), frame)
        cv2.imwrite(str(tmp_path / "part" / f"{number}.png"), frame[4:34, 30:60])

    def threshold(*words):
        assert run("export", file, "--gate", "delta", "--quiet", *words) == 0
        node = next(n for n in onnx.load(tmp_path / "net.patchskip.onnx").graph.node if n.name == "stem")
        return next(a.f for a in node.attribute if a.name == "threshold")

    part = threshold("--source", tmp_path / "part")
    assert threshold("--source", tmp_path / "whole", "--crop", "30,4,30,30") == part
    assert threshold("--source", tmp_path / "whole") != part


# -- what can be wrong: name -> (what is done to the file, further arguments, words of the message)


def _text(path):
    path.write_text("no network\n")


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def _empty(path):
    path.write_bytes(b"")


def _remove(path):
    path.unlink()


def _change(edit):
    def change(path):
        model = onnx.load(path)
        edit(model)
        path.write_bytes(model.SerializeToString())

    return change


def _opset(version):
    return _change(lambda model: setattr(model.opset_import[0], "version", version))


def _open_shape(model):
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"


def _batch(model):
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 2
    del model.graph.value_info[:]


def _externalise(path):
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (path.parent / "weights.bin").unlink()


def _bad_gates(path):
    (path.parent / "gates.npz").write_bytes(b"PK no archive")


def _renamed_gates(path):
    np.save(path.parent / "gates.npy", np.ones(3))
    (path.parent / "gates.npy").rename(path.parent / "gates.npz")


def _nothing(path):
    pass


BAD = {
    "not ONNX": (_text, [], "not an ONNX model"),
    "truncated": (_truncate, [], "cut off"),
    "empty": (_empty, [], "no nodes"),
    "missing": (_remove, [], "no such file"),
    "old opset": (_opset(5), [], "opset 5"),
    "new opset": (_opset(999), [], "opset 999"),
    "open shape": (_change(_open_shape), [], "--input-size"),
    "batch of two": (_change(_batch), [], "batch 2"),
    "external data": (_externalise, [], "weights in other files"),
    "patch": (_nothing, ["--patch", "12"], "power of two"),
    "threshold": (_nothing, ["--gate", "delta", "--threshold", "-1"], "threshold"),
    "threshold without delta": (_nothing, ["--threshold", "0.1"], "--gate delta"),
    "gates file": (_bad_gates, ["--gate", "delta", "--gates", "gates.npz"], "gates.npz"),
    "one array": (_renamed_gates, ["--gate", "delta", "--gates", "gates.npz"], "not an .npz file"),
    "no gates file": (_nothing, ["--gate", "delta", "--gates", "none.npz"], "none.npz"),
    "no source": (_nothing, ["--gate", "delta", "--source", "none.avi"], "none.avi"),
    "a crop of nothing": (_nothing, ["--gate", "delta", "--crop", "0,0,8,8"], "give --source"),
    "no crop": (_nothing, ["--gate", "delta", "--source", "synthetic://?frames=3", "--crop", "8,8"], "--crop 8,8"),
    "input size": (_nothing, ["--input-size", "0", "5"], "1 or more"),
    "same file": (_nothing, ["-o", "net.onnx"], "is the input net.onnx itself"),
    "no folder": (_nothing, ["-o", "none/out.onnx"], "no folder"),
}


@pytest.mark.parametrize("case", BAD)
def test_one_line_for_what_is_wrong(file, case, capsys, monkeypatch):
    damage, words, expected = BAD[case]
    damage(file)
    monkeypatch.chdir(file.parent)
    before = sorted(os.listdir(file.parent))
    assert run("export", "net.onnx", *words) == 2
    error = capsys.readouterr().err
    assert error.startswith("patchskip: ") and error.count("\n") == 1 and expected in error
    assert sorted(os.listdir(file.parent)) == before, "a file was left behind"


def test_an_export_is_not_exported_again(file, tmp_path, capsys):
    assert run("export", file, "--quiet") == 0
    assert run("export", tmp_path / "net.patchskip.onnx") == 2
    assert "already" in capsys.readouterr().err


@pytest.mark.parametrize("damage", [_text, _truncate, _empty, _remove])
def test_inspect_says_what_is_wrong(file, damage, capsys):
    damage(file)
    assert run("inspect", file) == 2
    assert capsys.readouterr().err.count("\n") == 1


def _metadata(**changes):
    """Changes of an export's metadata: a value, or None to leave the entry out."""

    def damage(path):
        model = onnx.load(path)
        metadata = {**metadata_of(model), **changes}
        set_metadata(model, {key: value for key, value in metadata.items() if value is not None})
        path.write_bytes(model.SerializeToString())

    return damage


def _no_json(path):
    model = onnx.load(path)
    next(entry for entry in model.metadata_props if entry.key == "patchskip").value = "{"
    path.write_bytes(model.SerializeToString())


DAMAGED = {
    "no JSON": (_no_json, "metadata cannot be read"),
    "a list": (_metadata(layers=[{}]), "metadata cannot be read (KeyError('name'))"),
    "no coverage": (_metadata(coverage=None), "metadata cannot be read (KeyError('coverage'))"),
    "another format": (_metadata(format=9), "has format 9"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_inspect_says_what_is_wrong_with_an_export(file, case, capsys):
    assert run("export", file, "--quiet") == 0
    exported = file.parent / "net.patchskip.onnx"
    damage, expected = DAMAGED[case]
    damage(exported)
    assert run("inspect", exported) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"patchskip: {exported}") and error.count("\n") == 1 and expected in error


def test_a_full_disk(file, capsys):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    assert run("export", file, "-o", "/dev/full") == 2
    assert "no space left" in capsys.readouterr().err
