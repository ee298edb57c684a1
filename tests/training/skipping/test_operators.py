"""The operators in PyTorch, on the cases that every implementation must pass: the numpy reference is right."""

import numpy as np
import pytest
import torch
from opcases.cases import CASES
from opcases.problems import problem
from opcases.specs import Gate, Skip

from patchskip.plugins.reference import patches
from patchskip.training.skipping.gates import LightGate, cell_means
from patchskip.training.skipping.operators import OPERATORS, evaluate

SKIPS = [spec for spec in CASES if isinstance(spec, Skip) and spec.op_type != "Flatten"]
GATED = [spec for spec in SKIPS if spec.cell]
GATES = [spec for spec in CASES if isinstance(spec, Gate) and spec.attributes["mode"] == "delta"]


def planes(values):
    """NHWC -> what PyTorch computes on; weights stay as they are."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(values, 3, 1)))


def result(spec):
    """-> (the whole operator's result by PyTorch, in Y's layout; the case)."""
    case = problem(spec)
    operands = []
    for number, value in enumerate(case.inputs[2:], 2):
        constant = number in case.constants
        nchw = spec.op_type == "Image" and case.attributes["layout"] == "NCHW"
        operands.append(torch.from_numpy(value.copy()) if constant or nchw else planes(value))
    found = evaluate(spec.op_type, operands, spec.output[:2], case.attributes)
    return found.numpy() if spec.op_type == "Planes" else np.moveaxis(found.numpy(), 1, 3), case


def test_every_operator_has_a_case():
    assert {spec.op_type for spec in SKIPS} <= set(OPERATORS)


@pytest.mark.parametrize("spec", SKIPS, ids=lambda spec: spec.name)
def test_operator(spec):
    found, case = result(spec)
    expected, tolerance = case.expected[0], case.tolerance[0]
    assert found.shape == expected.shape
    wrong = np.abs(found - expected) > tolerance
    assert not (wrong & case.chosen).any(), "off by {}".format(np.abs(found - expected)[wrong & case.chosen].max())


@pytest.mark.parametrize("spec", GATED, ids=lambda spec: spec.name)
def test_gate_of_a_layer(spec):
    found, case = result(spec)
    active, cache, call = case.inputs[0], case.inputs[1], case.attributes
    difference = cell_means(planes(found - cache), call["cell"])
    assert (gate_of(call, spec.output[2])(difference) * active == case.expected[1]).all()


@pytest.mark.parametrize("spec", GATES, ids=lambda spec: spec.name)
def test_gate_of_a_picture(spec):
    case = problem(spec)
    x, reference, *candidates = case.inputs
    image = {key: case.attributes[key] for key in ("layout", "channels", "scale", "bias") if key in case.attributes}
    picture = planes(patches.as_image(x, **image))
    difference = cell_means(picture, case.attributes["cell"])[0] - torch.from_numpy(np.moveaxis(reference, 2, 0).copy())
    decided = gate_of(case.attributes, len(difference))(difference[None])
    assert (decided * (candidates[0] if candidates else 1) == case.expected[0]).all()


def gate_of(call, channels):
    """-> difference [1, C, H, W] -> decisions, 0 or 1, [Gh, Gw]."""
    weights = torch.tensor(call.get("weights", [1.0] * channels))
    gate = LightGate(weights, call["threshold"], call["patch"], call["cell"])
    return lambda difference: gate(difference)[0][0].detach().numpy()
