"""The windows of docs/op-spec.md: what a change of the input can reach is a candidate, and hardly anything else is."""

import numpy as np
import pytest
from opcases import convolution, local
from opcases.problems import full, problem, rng_of
from opcases.specs import Skip

from patchskip.plugins.reference import patches

CASES = [
    spec
    for spec in convolution.KERNELS + convolution.TRANSPOSED + local.CASES
    if isinstance(spec, Skip)
    and spec.op_type in ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "Resize")
    and not spec.cell
]


def windows(spec):
    """The table's row for this operator: eight integers."""
    attributes = spec.attributes
    result = []
    for axis in (0, 1):
        n_in, n_out = spec.inputs[0][axis], spec.output[axis]
        if spec.op_type == "Resize":
            coordinates = attributes["coordinate_transformation_mode"]
            if attributes["mode"] == "nearest":
                assert (coordinates, attributes.get("nearest_mode")) == ("asymmetric", "floor")
                result += [n_in, n_out, 0, 0]
            elif coordinates == "align_corners":
                result += [n_in - 1, n_out - 1, 0, n_out - 1]
            elif coordinates == "asymmetric":
                result += [n_in, n_out, 0, n_out]
            else:
                result += [2 * n_in, 2 * n_out, n_in - n_out, n_in - n_out + 2 * n_out]
            continue
        k, s, b = attributes["kernel_shape"][axis], attributes["strides"][axis], attributes["pads"][axis]
        d = attributes.get("dilations", (1, 1))[axis]
        if spec.op_type == "ConvTranspose":
            result += [1, s, b - (k - 1) * d + s - 1, b]
        else:
            result += [s, 1, -b, (k - 1) * d - b]
    return result


def in_the_table(spec):
    if spec.op_type != "Resize":
        return True
    coordinates, mode = spec.attributes["coordinate_transformation_mode"], spec.attributes["mode"]
    if mode == "nearest":
        return (coordinates, spec.attributes.get("nearest_mode")) == ("asymmetric", "floor")
    degenerate = 1 in spec.output[:2]  # one output pixel: half pixel's and corners' own special cases
    return coordinates in ("half_pixel", "align_corners", "asymmetric") and not degenerate


@pytest.mark.parametrize("spec", [spec for spec in CASES if in_the_table(spec)], ids=lambda spec: spec.name)
def test_candidates_are_what_a_change_reaches(spec):
    case = full(problem(spec))
    rng = rng_of(spec.name + " windows")
    size_in, size = spec.inputs[0][:2], spec.output[:2]
    x = case.inputs[2]
    before = patches.patch_skip(*case.inputs, **case.attributes)[0]
    for _ in range(4):
        in_patch, patch = (int(p) for p in rng.choice([1, 2, 3, 4], 2))
        mask = np.zeros(patches.grid(size_in, in_patch), np.int32)
        mask[tuple(rng.integers(n) for n in mask.shape)] = 1
        candidates = patches.patch_mask([mask], size, patch, [in_patch], windows(spec))
        changed = patches.to_pixels(mask, in_patch, size_in)
        after_x = x + changed[None, :, :, None].astype(np.float32) * 1000  # above any other: a pool's maximum too
        inputs = case.inputs[:2] + [after_x] + case.inputs[3:]
        after = patches.patch_skip(*inputs, **case.attributes)[0]
        reached = np.zeros_like(candidates)
        for y, column in np.argwhere((after != before).any(axis=(0, 3))):
            reached[y // patch, column // patch] = 1
        assert (candidates >= reached).all()
        if spec.op_type in ("Conv", "MaxPool", "AveragePool"):
            # A window wholly in the padding is clamped to the border, a superset; dilated taps skip pixels.
            loose = max(spec.attributes.get("dilations", (1, 1))) > 1 or "wide-pads" in spec.name
            assert loose or (candidates == reached).all()
