"""The gate in PyTorch: its cost, its heads, and the published one's defects."""

import pytest
import torch

from patchskip.export.pass_gates import Form
from patchskip.runtime.errors import PatchskipError
from patchskip.training.pass_gate.gate import PassGate

SMALL = {"width": 6, "depth": 2, "kernel": 3}


def test_cost_of_the_published_gate():
    """895 million on 64 channels at 128x128, in patches of 4: nearly twice MobileHumanPose."""
    form = Form(64, 4, "published", grid=(32, 32))
    assert (form.width, form.depth, form.kernel) == (256, 4, 9)
    assert form.macs((128, 128)) == 895_483_904


@pytest.mark.parametrize("head,pool", [("published", 1), ("published", 2), ("local", 1), ("local", 4)])
def test_macs_are_those_of_the_layers(head, pool):
    form = Form(3, 4, head, pool=pool, grid=(4, 5) if head == "published" else None, **SMALL)
    made, macs = PassGate(form).eval(), []
    for module in made.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda m, x, y: macs.append(y.numel() * m.weight[0].numel()))
        elif isinstance(module, torch.nn.Linear):
            module.register_forward_hook(lambda m, x, y: macs.append(m.weight.numel()))
    made(torch.rand(1, 3, 15, 18), torch.rand(1, 3, 15, 18))
    assert sum(macs) == made.macs((15, 18))
    shapes = {name: tuple(v.shape) for name, v in made.state_dict().items() if "num_batches" not in name}
    assert shapes == form.shapes()


@pytest.mark.parametrize("head", ["published", "local"])
@pytest.mark.parametrize("training", [True, False])
def test_decisions(head, training, seed):
    torch.manual_seed(seed)
    made = PassGate(Form(3, 4, head, grid=(4, 5) if head == "published" else None, **SMALL)).train(training)
    decision = made(torch.rand(2, 3, 16, 20), torch.rand(2, 3, 16, 20))
    assert decision.skip.shape == decision.probability.shape == (2, 4, 5)
    assert set(decision.skip.detach().unique().tolist()) <= {0.0, 1.0}
    assert ((decision.probability >= 0) & (decision.probability <= 1)).all()
    decision.skip.sum().backward()
    assert all(parameter.grad is not None for parameter in made.parameters())
    assert made.embedding.weight.grad.abs().sum() > 0


def constant(head):
    """A gate whose logits are the same everywhere."""
    made = PassGate(Form(3, 4, head, grid=(4, 5) if head == "published" else None, **SMALL)).eval()
    last = made.head[1] if head == "published" else made.head
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    return made, last


def test_constant_logits_are_nan_in_the_published_head():
    """Its mask would be NaN; here what is not known is computed."""
    made, _ = constant("published")
    decision = made(*torch.rand(2, 1, 3, 16, 20))
    assert decision.probability.isnan().all() and (decision.skip == 0).all()


def test_constant_logits_skip_all_or_nothing_in_the_local_head():
    made, last = constant("local")
    for bias, skip in ((-1.0, 0.0), (1.0, 1.0)):
        torch.nn.init.constant_(last.bias, bias)
        decision = made(*torch.rand(2, 1, 3, 16, 20))
        assert decision.probability.isfinite().all() and (decision.skip == skip).all()


def test_the_published_head_always_skips_and_always_computes(seed):
    """However new, or old, everything is: the local head follows its threshold instead."""
    torch.manual_seed(seed)
    published, local = (
        PassGate(Form(3, 4, h, grid=g, **SMALL)).eval() for h, g in (("published", (4, 5)), ("local", None))
    )
    frames = torch.rand(2, 1, 3, 16, 20)
    for bias, expected in ((-100.0, 0), (100.0, 20)):
        torch.nn.init.constant_(published.head[1].bias, bias)
        torch.nn.init.constant_(local.head.bias, bias)
        assert 0 < published(*frames).skip.sum() < 20
        assert local(*frames).skip.sum() == expected


def test_what_was_never_seen_is_computed():
    for head, grid in (("published", (4, 5)), ("local", None)):
        made = PassGate(Form(3, 4, head, grid=grid, **SMALL)).eval()
        decision = made(torch.rand(1, 3, 16, 20), torch.full((1, 3, 16, 20), float("nan")))
        assert (decision.skip == 0).all()


def test_the_published_head_is_tied_to_one_size():
    published = PassGate(Form(3, 4, "published", grid=(4, 5), **SMALL)).eval()
    with pytest.raises(PatchskipError, match="tied to one size"):
        published(*torch.rand(2, 1, 3, 16, 24))
    assert PassGate(Form(3, 4, **SMALL)).eval()(*torch.rand(2, 1, 3, 13, 24)).skip.shape == (1, 4, 6)


@pytest.mark.parametrize(
    "form,words",
    [
        ({"width": 0}, "width is 0"),
        ({"depth": 1.5}, "depth is 1.5"),
        ({"head": "other"}, "choose published or local"),
        ({"pool": 3}, "do not divide"),
        ({"kernel": 4}, "must be odd"),
        ({"head": "published"}, "only the published has"),
        ({"grid": (2, 2)}, "only the published has"),
    ],
)
def test_forms_that_cannot_be(form, words):
    with pytest.raises(PatchskipError, match=words):
        Form(3, 4, **form)
