"""A model's frames on a GPU without TensorRT: all nodes' kernels, captured once as a CUDA graph."""

import numpy as np

from patchskip.benchmarks.gpu_timing import graph_ms
from patchskip.benchmarks.planned import Planned
from patchskip.plugins.cuda import compile, driver

NAN = 0x7FFF7FFF  # as float32, and as two float16
WORD = 4


class Frames:
    """planned: of planned.plan. gpu: driver.Device.

    launches   kernels of a frame
    states     names of the tensors that are kept, in the metadata's order; a node reads and writes them in one place
    Only our nodes run: what an ordinary operator makes of their results is not computed.
    """

    def __init__(self, planned: Planned, gpu):
        self._gpu, self._stream = gpu, gpu.stream()
        self._types = planned.nodes[-1].types
        states = planned.metadata["states"]
        self.states = [state["output"] for state in states]
        self._buffers: dict[str, driver.Buffer] = {}
        for tensor in planned.model.graph.initializers:
            if tensor.name in self._types:
                self._upload(tensor.name, np.ascontiguousarray(tensor.array()))
        written = [name for node in planned.nodes for name in node.outputs]
        for name in [value.name for value in planned.model.graph.inputs] + written:
            self._buffers.setdefault(name, gpu.allocate(-(-self._size(name) // WORD) * WORD))
        for state in states:
            self._buffers[state["input"]] = self._buffers[state["output"]]
        self._workspace = gpu.allocate(max(node.plan.workspace_bytes for node in planned.nodes))
        launches = [launch for node in planned.nodes for launch in self._launches_of(node)]
        self.launches = len(launches)
        module = gpu.module(compile.cubin(gpu.sm))
        # Before the capture: a driver may load a kernel, and allocate, when it is asked for it.
        self._functions = {launch.kernel: module.function(launch.kernel) for launch in launches}
        with self._stream.capture() as self._graph:
            for launch in launches:
                self._stream.launch(self._functions[launch.kernel], launch)
        with self._stream.capture() as self._reset:
            for name in self.states:
                self._stream.fill32(self._buffers[name].address, NAN, self._buffers[name].bytes // WORD)

    def reset(self):
        self._reset.launch(self._stream)

    def run(self, feeds):
        """feeds: {input: C-contiguous array}."""
        for name, array in feeds.items():
            self._stream.upload(self._buffers[name].address, array)
        self._graph.launch(self._stream)
        self._stream.synchronize("running a frame")

    def tensor(self, name):
        """-> array: what the last frame left in a tensor of ours."""
        shape, dtype = self._types[name]
        array = np.empty(shape, dtype)
        self._stream.download(array, self._buffers[name].address)
        self._stream.synchronize("reading " + name)
        return array

    def time_ms(self, full, runs):
        """-> median ms of a frame's kernels on the inputs that lie there: all of it (`full`), or of what rests."""
        before = [self._reset] if full else []
        return float(np.median([graph_ms(self._gpu, self._stream, self._graph, before) for _ in range(runs)]))

    def _launches_of(self, node):
        inputs, outputs = (
            [self._buffers[name].address if name else None for name in names] for names in (node.inputs, node.outputs)
        )
        return node.plan.launches(inputs, outputs, self._workspace.address)

    def _size(self, name):
        shape, dtype = self._types[name]
        return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize

    def _upload(self, name, array):
        self._buffers[name] = self._gpu.allocate(array.nbytes)
        self._stream.upload(self._buffers[name].address, array)
        self._stream.synchronize("loading the weights")
