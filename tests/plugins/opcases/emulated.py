"""The CUDA kernels, emulated (plugins/cuda/emulation)."""

from patchskip.plugins.cuda import emulator

from .planned import Planned

SIZES = {1: 1, 2: 3}  # multiprocessors


class Emulated:
    """sm: compute capability that it is planned for."""

    def __init__(self, sm=53):
        self.sm = sm

    def run(self, problem, threads=1):
        """threads: 2 runs threads and blocks in the other order, and on a GPU of another size."""
        return self.execute(problem, SIZES[threads], last_first=threads == 2)

    def execute(self, problem, multiprocessors, last_first=False):
        planned = Planned(problem, sm=self.sm, multiprocessors=multiprocessors)
        emulator.execute(planned.plan, planned.inputs, planned.memory.outputs, last_first=last_first)
        planned.memory.check()
        return planned.memory.outputs
