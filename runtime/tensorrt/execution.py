"""One stream's memory on the GPU, and the engine's runs on it."""

import collections

import numpy as np

from patchskip.runtime.errors import PatchskipError, one_line

from . import bindings
from .kept import NAN, Kept

ALIGNMENT = 256


class Execution:
    """What a stream.Stream runs. A state is one buffer, which is bound to the network's input and to its output.

    The masks lie side by side, and are copied to the host when somebody asks for one. From the second run on the
    network is a CUDA graph: one call of the driver instead of one for each kernel.
    """

    def __init__(self, network, model):
        self._gpu, self._log = network.gpu, network.tensorrt.log
        self._stream = self._gpu.stream()
        self.allocate = self._gpu.pinned
        addresses = {}  # type: dict
        self._inputs = [self._buffer(network.inputs[entry["name"]]) for entry in model.inputs]
        addresses.update((entry["name"], buffer.address) for entry, buffer in zip(model.inputs, self._inputs))
        self.states = []
        for state in model.metadata["states"]:
            entry = network.outputs[state["output"]]
            self.states.append(Kept(self._stream, self._buffer(entry), entry["shape"], entry["dtype"]))
            addresses[state["input"]] = addresses[state["output"]] = self.states[-1].buffer.address
        self.state_bytes = sum(state.buffer.bytes for state in self.states)
        self._place_masks(network, model, addresses)
        self._others = {name: self._buffer(entry) for name, entry in network.outputs.items() if name not in addresses}
        addresses.update((name, buffer.address) for name, buffer in self._others.items())
        self.outputs = collections.OrderedDict(
            (entry["name"], self._gpu.pinned(entry["shape"], entry["dtype"])) for entry in model.outputs
        )
        self._downloads = [(array, addresses[name]) for name, array in self.outputs.items()]
        self._context = network.context()
        self._enqueue = bindings.bind(network.engine, self._context, addresses)
        self._graph = None
        self.details = {"cuda_graph": self._warm_up()}

    def run(self, arrays):
        for buffer, array in zip(self._inputs, arrays):
            self._stream.upload(buffer.address, array)
        self._masks_are_here = False
        if self._graph:
            self._graph.launch(self._stream)
        else:
            self._launch()
        for array, address in self._downloads:
            self._stream.download(array, address)
        self._stream.synchronize("running the network")

    def reset(self):
        for state in self.states:
            self._stream.fill32(state.buffer.address, NAN, -(-state.buffer.bytes // 4))

    def mask(self, name):
        if not self._masks_are_here:
            self._stream.download(self._all_masks, self._mask_buffer.address)
            self._stream.synchronize("reading the masks")
            self._masks_are_here = True
        return self._masks[name]

    def _launch(self):
        if not self._enqueue(self._stream.handle):
            raise PatchskipError("TensorRT could not run the network ({})".format(self._log.last()))

    def _warm_up(self):
        """Runs once, as TensorRT allocates and decides during the first run, then captures. -> what became of that."""
        for buffer in self._inputs:
            self._stream.fill32(buffer.address, 0, -(-buffer.bytes // 4))
        self.reset()
        self._launch()
        self._stream.synchronize("running the network for the first time")
        try:
            with self._stream.capture() as graph:
                self._launch()
        except PatchskipError as error:
            if getattr(error, "sticky", False):
                raise
            return "not used: " + one_line(error)
        self._graph = graph
        return "used"

    def _place_masks(self, network, model, addresses):
        """One buffer for all of them, each aligned as TensorRT wants it, and the same on the host."""
        placed, size = [], 0
        for mask in model.metadata["masks"]:
            shape = network.outputs[mask["name"]]["shape"]
            placed.append((mask["name"], shape, size))
            size += -(-4 * int(np.prod(shape)) // ALIGNMENT) * ALIGNMENT
        self._mask_buffer, self._all_masks = self._gpu.allocate(size), self._gpu.pinned((size // 4,), np.int32)
        self._masks, self._masks_are_here = {}, False
        for name, shape, at in placed:
            addresses[name] = self._mask_buffer.address + at
            self._masks[name] = self._all_masks[at // 4 :][: int(np.prod(shape))].reshape(shape)

    def _buffer(self, entry):
        size = int(np.prod(entry["shape"], dtype=np.int64)) * np.dtype(entry["dtype"]).itemsize
        return self._gpu.allocate(-(-size // 4) * 4)
