"""Launches the kernels of a node from Python, on a stream of TensorRT's."""

import functools

from patchskip.plugins.cuda import compile as kernels
from patchskip.plugins.cuda import driver
from patchskip.runtime.errors import PatchskipError


class Execution(object):
    """The plan of a Node for this machine's GPU.

    inputs: [(shape, dtype)]. built_for: the (compute capability, multiprocessors) that the engine has memory for.
    Raises PatchskipError when there is no GPU, no kernel for it, or too little memory.
    """

    def __init__(self, node, inputs, built_for):
        self._gpu, self._functions = _gpu()
        here = self._gpu.sm, self._gpu.multiprocessors
        self._plan = node.plan(inputs, *here)
        self._addresses, self._launches = None, []
        if self._plan.workspace_bytes > node.plan(inputs, *built_for).workspace_bytes:
            raise PatchskipError(
                "the engine was built for {} multiprocessors of sm_{}, this GPU has {} of sm_{} and needs more memory; "
                "build it with --sm {} --multiprocessors {}".format(*(built_for[::-1] + here[::-1] + here))
            )

    def enqueue(self, inputs, outputs, workspace, stream):
        """Addresses and a stream's handle. Only launches."""
        addresses = list(inputs), list(outputs), workspace
        if addresses != self._addresses:
            self._addresses, self._launches = addresses, self._plan.launches(*addresses)
        for launch in self._launches:
            self._gpu.launch(stream, self._functions(launch.kernel), launch)


@functools.lru_cache(maxsize=None)
def _gpu():
    """-> driver.Device; its kernels by name."""
    gpu = driver.device()
    module = gpu.module(kernels.cubin(gpu.sm))
    return gpu, functools.lru_cache(maxsize=None)(module.function)
