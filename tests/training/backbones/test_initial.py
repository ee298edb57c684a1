"""Random weights: the same for a seed, and with values in every layer that a benchmark can be run on."""

import pytest
import torch

from patchskip.training.backbones import BACKBONES
from patchskip.training.backbones.initial import pictures, set_random_weights


@pytest.mark.parametrize("name, head", {"mobilehumanpose": "final_layer", "fairmot-resdcn-18": "hm.2"}.items())
def test_a_seed_says_all(name, head):
    states = []
    for seed in (3, 3, 4):
        model = BACKBONES[name].build()
        set_random_weights(model, BACKBONES[name].preset, seed)
        states.append(model.state_dict())
    assert not model.training
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not torch.equal(states[0][f"{head}.weight"], states[2][f"{head}.weight"])


@pytest.mark.parametrize("name", BACKBONES)
def test_every_layer_has_values(network, name):
    """Of another picture than the one that set BatchNorm's statistics, and of another size."""
    model, found = network(name), {}
    hooks = [
        module.register_forward_hook(lambda module, inputs, output, key=key: found.update({key: output}))
        for key, module in model.named_modules()
        if list(module.parameters(recurse=False))
    ]
    with torch.no_grad():
        model(pictures(BACKBONES[name].preset, seed=7, size=(128, 192), count=1))
    for hook in hooks:
        hook.remove()
    for key, value in found.items():
        assert value.isfinite().all() and value.abs().max() < 1000, key
        assert 0.1 < value.std() < 30, key
        assert (value.flatten(2).std(2) > 1e-3).float().mean() > 0.9, f"{key} is flat"
