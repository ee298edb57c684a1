"""The list of kernels (plugins/cuda/device/kernels.h) against the list of cases."""

from opcases.cases import CASES
from opcases.emulated import SIZES
from opcases.implementations import FLOAT16, IMPLEMENTATIONS
from opcases.planned import Planned
from opcases.problems import problem
from test_compile import kernels


def test_every_kernel_has_a_case():
    launched = set()
    for emulated in [i for i in IMPLEMENTATIONS + FLOAT16 if i.name.startswith("cuda-emulated")]:
        for spec in filter(emulated.covers, CASES):
            for size in SIZES.values():
                planned = Planned(problem(spec, emulated.dtype), emulated.make().sm, size)
                inputs, outputs = range(1, 1 + len(planned.inputs)), range(100, 100 + len(planned.plan.outputs))
                launched |= {launch.kernel for launch in planned.plan.launches(inputs, outputs, 1000)}
    assert launched == set(kernels())
