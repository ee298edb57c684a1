"""A value of a convolution is the same bit for bit in a large tile and in a small one, wherever its pixel is there."""

import re

import numpy as np
import pytest
from opcases.convolution import conv, transpose
from opcases.emulated import Emulated
from opcases.fused import concat_conv
from opcases.planned import Planned
from opcases.problems import problem, same_bits

from patchskip.plugins.cuda import planning

SIZE = (13, 31)
REST = dict(patch=1, mask="full", in_place=0)
SPECS = [
    *(conv("tiles", SIZE, inputs, outputs, **REST) for inputs in (8, 7) for outputs in (16, 33, 70)),
    conv("tiles-grouped", SIZE, 16, 48, kernel=1, group=2, **REST),
    transpose("tiles", (7, 16), 8, 24, 2, 2, pads=(1, 0, 0, 1), patch=2, mask="full", in_place=0),
    concat_conv("tiles", SIZE, (8, 16), 64, **REST),
]


@pytest.mark.parametrize("outputs", [16, 64])
@pytest.mark.parametrize("sm", [53, 72, 80, 87, 90])
def test_a_mask_of_many_patches_leaves_room_for_some_tile(sm, outputs):
    """Its ranking takes shared memory, and the tiles of tensor cores take most."""
    shape = (1, 608, 1088, 16)
    arrays = [((152, 272), np.int32), ((*shape[:3], outputs), np.float16), (shape, np.float16)]
    weights = [np.zeros((outputs, 16, 3, 3), np.float32), np.zeros(outputs, np.float32)]
    attributes = {"op_type": "Conv", "patch": 4, "kernel_shape": (3, 3), "pads": (1, 1, 1, 1)}
    attributes, described = planning.packed("PatchSkip", attributes, arrays + weights, "float16")
    inputs = [*arrays, (described[-1].shape, described[-1].dtype)]
    plan = planning.Plan("PatchSkip", attributes, inputs, 1, sm=sm, multiprocessors=8)
    (launch,) = (one for one in plan.launches(range(1, 5), [9], 11) if one.kernel.startswith("conv_"))
    assert launch.shared_bytes <= 48 << 10


@pytest.mark.parametrize("sm, dtype", [(53, "float32"), (53, "float16"), (72, "float16")])
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_tiles_change_nothing(spec, sm, dtype):
    case, emulated = problem(spec, dtype), Emulated(sm)
    full = emulated.execute(case, multiprocessors=1)[0]
    (launch,) = Planned(case, sm, 1).plan.launches(range(1, 9), [9, 10], 11)[-1:]
    large, small = (int(pixels) for pixels in re.findall(r"(\d+)x\d+", launch.kernel)[:2])
    order = np.random.default_rng(0).permutation(case.inputs[0].size)
    around = [n + more for n in (small, large, large + small, 2 * large, 3 * large) for more in (-1, 0, 1)]
    for count in (1, *around):
        active = np.zeros_like(case.inputs[0])
        active.flat[order[:count]] = 1
        few = case._replace(inputs=[active, *case.inputs[1:]])
        made = emulated.execute(few, multiprocessors=1)[0]
        chosen = np.kron(active, np.ones((spec.patch,) * 2, bool))[: full.shape[1], : full.shape[2]] > 0
        assert same_bits(made, full)[:, chosen].all(), count
