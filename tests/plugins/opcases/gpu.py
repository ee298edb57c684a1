"""The CUDA kernels on a GPU, or on the emulated driver ($PATCHSKIP_LIBCUDA)."""

import pytest

from patchskip.plugins.cuda import compile, driver
from patchskip.runtime.errors import PatchskipError

from .native import GUARD
from .planned import Planned

NAN = 0xFFFFFFFF


class Gpu:
    def __init__(self):
        try:
            self._gpu = driver.device()
            self._module = self._gpu.module(compile.cubin(self._gpu.sm))
        except PatchskipError as error:
            pytest.skip(str(error))
        self._stream = self._gpu.stream()

    def run(self, problem, threads=1):
        """threads: 2 runs as many blocks as for a GPU with one multiprocessor."""
        planned = Planned(problem, self._gpu.sm, self._gpu.multiprocessors if threads == 1 else 1)
        memory, plan = planned.memory, planned.plan
        held = [(guarded, self._upload(guarded.memory)) for guarded in memory.guarded()]
        addresses = {id(g.array): buffer.address + GUARD * g.array.itemsize for g, buffer in held}
        if planned.constants is not None:
            constants = self._upload(planned.constants)
            addresses[id(planned.constants)] = constants.address
        workspace = self._gpu.allocate(plan.workspace_bytes)
        self._stream.fill32(workspace.address, NAN, plan.workspace_bytes // 4)
        inputs, outputs = ([addresses.get(id(a)) for a in arrays] for arrays in (planned.inputs, memory.outputs))
        self._compute(planned, inputs, outputs, workspace.address)
        for guarded, buffer in held:
            self._stream.download(guarded.memory, buffer.address)
        self._stream.synchronize("running " + problem.name)
        memory.check()
        return memory.outputs

    def _compute(self, planned, inputs, outputs, workspace):
        for launch in planned.plan.launches(inputs, outputs, workspace):
            self._stream.launch(self._module.function(launch.kernel), launch)

    def _upload(self, array):
        buffer = self._gpu.allocate(array.nbytes)
        self._stream.upload(buffer.address, array)
        return buffer
