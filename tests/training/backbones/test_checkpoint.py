"""Checkpoints in the forms that trainings write them in, and what is said of those that do not fit."""

import pytest
import torch

from patchskip import PatchskipError
from patchskip.training.backbones import BACKBONES
from patchskip.training.backbones.checkpoint import load_checkpoint

POSE, TRACK = "mobilehumanpose", "fairmot-dlaconv"
FORMS = {
    "plain": (POSE, lambda state: state),
    "state_dict": (TRACK, lambda state: {"epoch": 30, "state_dict": state}),
    "MobileHumanPose's": (
        POSE,
        lambda state: {"epoch": 3, "network": {f"module.backbone.{key}": value for key, value in state.items()}},
    ),
    "DataParallel": (TRACK, lambda state: {f"module.{key}": value for key, value in state.items()}),
    "with ImageNet's classifier": (TRACK, lambda state: {**state, "base.fc.weight": torch.zeros(1000, 512, 1, 1)}),
    "of PyTorch 0.4": (
        TRACK,
        lambda state: {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(network, tmp_path, form):
    name, wrapped = FORMS[form]
    expected = network(name).state_dict()
    torch.save(wrapped(dict(expected)), tmp_path / "net.pth")
    model = BACKBONES[name].build()
    load_checkpoint(model, tmp_path / "net.pth")
    found = model.state_dict()
    assert all(torch.equal(found[key], expected[key]) for key in expected if "num_batches" not in key)


def refused(model, path):
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(PatchskipError) as error:
        load_checkpoint(model, path)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert "\n" not in str(error.value)
    return str(error.value)


def test_other_joints(network, tmp_path):
    torch.save(network("mobilehumanpose-18").state_dict(), tmp_path / "net.pth")
    text = refused(BACKBONES[POSE].build(), tmp_path / "net.pth")
    assert "2 of another shape" in text and "final_layer.weight [576, 256, 1, 1] for [672, 256, 1, 1]" in text
    assert "mobilehumanpose-18 fits best, with 339 of its 339 entries" in text


def test_another_network(network, tmp_path):
    torch.save(network(POSE).state_dict(), tmp_path / "net.pth")
    text = refused(BACKBONES[TRACK].build(), tmp_path / "net.pth")
    assert "299 missing (hm.0.weight, " in text and "339 unexpected (first_conv.0.weight, " in text
    assert "mobilehumanpose fits best" in text


def test_no_network_of_ours(tmp_path):
    torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "net.pth")
    assert "none of mobilehumanpose, " in refused(BACKBONES[POSE].build(), tmp_path / "net.pth")


def test_files_that_are_no_checkpoints(network, tmp_path):
    model = BACKBONES[POSE].build()
    torch.save(network(POSE).state_dict(), tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:-1000])
    (tmp_path / "empty.pth").touch()
    (tmp_path / "text.pth").write_text("no network\n" * 100)
    torch.save([1, 2, 3], tmp_path / "list.pth")
    torch.save(torch.nn.Conv2d(3, 3, 1), tmp_path / "module.pth")
    assert "no such file" in refused(model, tmp_path / "none.pth")
    for name in ("cut", "empty", "text", "module"):
        assert "is not a PyTorch checkpoint" in refused(model, tmp_path / f"{name}.pth")
    assert "holds no parameters by name" in refused(model, tmp_path / "list.pth")
