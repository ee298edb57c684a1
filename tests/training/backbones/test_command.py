"""`python -m patchskip.training.backbones`, as a user calls it."""

import numpy as np
import onnx
import pytest
import torch

from patchskip.training.backbones.__main__ import main


def test_writes_a_network(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["mobilehumanpose", "--size", "128", "64"]) == 0
    out = capsys.readouterr().out
    assert "wrote mobilehumanpose.onnx" in out and "--preprocess imagenet" in out
    (value,) = onnx.load("mobilehumanpose.onnx").graph.input
    assert [dim.dim_value for dim in value.type.tensor_type.shape.dim] == [1, 3, 128, 64]


def test_checkpoint_and_seed(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(network("mobilehumanpose").state_dict(), "net.pth")  # of seed 0
    files = {"a": ["--seed", "0"], "b": ["--checkpoint", "net.pth"], "c": ["--seed", "1"]}
    for name, options in files.items():
        assert main(["mobilehumanpose", "-o", f"{name}.onnx", "--size", "64", "64", *options]) == 0
    heads = {}
    for name in files:
        graph = onnx.load(f"{name}.onnx").graph
        (tensor,) = (tensor for tensor in graph.initializer if tensor.name == "final_layer.weight")
        heads[name] = onnx.numpy_helper.to_array(tensor)
    np.testing.assert_array_equal(heads["a"], heads["b"])
    assert (heads["a"] != heads["c"]).all()


@pytest.mark.parametrize(
    "line, words",
    {
        "resnet": ["no backbone resnet", "mobilehumanpose", "fairmot-dlaconv"],
        "fairmot-dlaconv --size 100 64": ["--size 100 64", "multiples of 32"],
        "mobilehumanpose --size 0 64": ["--size 0 64", "multiples of 64"],
        "mobilehumanpose --checkpoint none.pth": ["none.pth", "no such file"],
        "mobilehumanpose --checkpoint text.pth": ["text.pth", "is not a PyTorch checkpoint"],
        "mobilehumanpose -o nowhere/net.onnx --size 64 64": ["nowhere", "make it first"],
    }.items(),
)
def test_bad_input(tmp_path, monkeypatch, capsys, line, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.pth").write_text("no network")
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("patchskip: ") and err.count("\n") == 1
    assert all(word in err for word in words), err
    assert [path.name for path in tmp_path.iterdir()] == ["text.pth"]
