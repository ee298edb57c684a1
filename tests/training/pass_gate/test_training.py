"""Blending, the loss with and without a budget, and the training of stage 1."""

import numpy as np
import pytest
import torch

from patchskip.export.analysis import analyse
from patchskip.runtime.errors import PatchskipError
from patchskip.training.pass_gate.blending import MARGIN, blend, losses
from patchskip.training.pass_gate.training import Options, dense_network, train
from patchskip.training.sequences import Clip

FORM = {"width": 6, "depth": 1, "kernel": 3}


def test_blending_takes_whole_patches():
    current, previous = torch.ones(1, 2, 5, 6), torch.zeros(1, 2, 5, 6)
    skip = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    mixed = blend(current, previous, skip, 4)
    assert (mixed[:, :, :4, :4] == 0).all() and mixed.sum() == 2 * (30 - 16)


def frames(clip, *numbers):
    return [torch.from_numpy(clip[i : i + 1].astype(np.float32) / 255).permute(0, 3, 1, 2) for i in numbers]


@pytest.mark.parametrize("names", [["images"], ["stem", "middle"]])
def test_without_a_budget_recomputing_all_is_best(analysis, gate, clip, names):
    """The published loss asks for no skipping; the budget does."""
    network, gates = dense_network(analysis), {name: gate(name) for name in names}
    found = {}
    for bias in (-100.0, 100.0):
        for made in gates.values():
            torch.nn.init.constant_(made.head.bias, bias)
        found[bias] = losses(network, gates, *frames(clip, 0, 3))
    everything, nothing = found.values()
    assert everything.active == 1 and nothing.active == 0
    assert everything.positive < 1e-3 and everything.negative > 0.01  # F.pairwise_distance adds 1e-6 to each difference
    assert torch.isclose(everything.triplet, MARGIN + everything.positive - everything.negative)
    assert everything.total(None, 1.0) < nothing.total(None, 1.0)
    assert everything.total(0.1, 1000.0) > nothing.total(0.1, 1000.0)


def test_gates_learn_the_budget_and_the_network_stays(analysis, clip):
    """With a strong budget the share of active patches goes to the target, and what moves is in it."""
    seen = []
    options = Options(steps=120, gap=3, target=0.25, budget=100.0, rate=0.02)
    gates = train(
        analysis, {"images": analysis.pass_form("images", **FORM)}, [Clip("clip", clip)], options, seen.append
    )
    assert [progress.step for progress in seen] == list(range(1, 121))
    assert np.mean([p.active for p in seen[-20:]]) == pytest.approx(0.25, abs=0.1)
    assert set(gates) == {"images"} and gates["images"].form.channels == 3


def test_the_same_arguments_give_the_same_gates(analysis, clip):
    runs = [
        train(analysis, {"stem": analysis.pass_form("stem", **FORM)}, [Clip("clip", clip)], Options(steps=3, seed=seed))
        for seed in (1, 1, 2)
    ]
    first, second, other = (run["stem"].parameters for run in runs)
    assert all(np.array_equal(value, second[name]) for name, value in first.items())
    assert not all(np.array_equal(value, other[name]) for name, value in first.items())


def test_training_goes_on_from_gates(analysis, clip):
    forms = {"images": analysis.pass_form("images", head="published", **FORM)}
    first = train(analysis, forms, [Clip("clip", clip)], Options(steps=1))
    still = train(analysis, forms, [Clip("clip", clip)], Options(steps=1, rate=1e-12), start=first)
    for name, value in still["images"].parameters.items():
        if "running" not in name:
            assert np.allclose(value, first["images"].parameters[name], atol=1e-6)


def test_bad_input(analysis, network, clip):
    forms = {"images": analysis.pass_form("images", **FORM)}
    for wrong, words in (
        (lambda: train(analysis, forms, [Clip("clip", clip[:1])], Options(steps=1)), "clip has 1 frames to train on"),
        (
            lambda: train(analysis, forms, [Clip("clip", clip[:, :20])], Options(steps=1)),
            "fewer than the network's input",
        ),
        (
            lambda: train(analyse(network, input="u8"), forms, [Clip("clip", clip)], Options(steps=1)),
            "trained on input float",
        ),
        (lambda: Options(steps=0), "steps is 0"),
        (lambda: Options(target=2.0), "target is 2.0"),
    ):
        with pytest.raises(PatchskipError, match=words):
            wrong()
