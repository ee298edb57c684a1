"""One video's pass through a model: the inter-frame state, and the binding of memory to the network."""

import threading
import time
from typing import Dict

import numpy as np

from .errors import PatchskipError, one_line

ALIGNMENT = 64


def aligned(shape, dtype):
    """-> uninitialised array that begins on a cache line."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)


class Stream:
    """Made by `Model.stream()`. Frames go through `infer` one after the other; one thread at a time.

    Every array is allocated and bound once. A state's array is bound as the graph's input and as its output, so that
    an operator finds last frame's values where this frame's go and writes only what changed.
    """

    def __init__(self, model):
        self.model = model
        self._running = threading.Lock()
        self._failed = None
        self._seconds = 0.0
        self._frames = 0
        self._inputs = {entry["name"]: (tuple(entry["shape"]), np.dtype(entry["dtype"])) for entry in model.inputs}
        self._order = [entry["name"] for entry in model.inputs]
        self._pointers = dict.fromkeys(self._order)
        self._binding = model.session.io_binding()
        self._arrays: Dict[str, np.ndarray] = {}
        self._states = []
        for state in model.metadata["states"]:
            self._states.append(self._bind_output(state["output"]))
            self._bind_input(state["input"], self._arrays[state["output"]])
        for entry in model.outputs + model.metadata["masks"]:
            self._bind_output(entry["name"])
        for node in model.session.get_outputs():  # every output needs memory, named in the metadata or not
            self._bind_output(node.name)
        self._outputs = {entry["name"]: self._arrays[entry["name"]] for entry in model.outputs}
        self._run = model.session.run_with_iobinding
        self.reset()

    def infer(self, inputs, copy=True):
        """One frame. inputs {name: array} and the result {name: array} have the original network's names, shapes and
        types. With `copy=False` the results are views that the next call overwrites.

        Raises PatchskipError: for a wrong name, shape, type or a NaN nothing has happened and the stream goes on; after
        any other failure the state is lost and the stream waits for `reset()`.
        """
        if not self._running.acquire(False):
            raise PatchskipError("this stream is running in another thread; give each thread its own model.stream()")
        try:
            if self._failed:
                raise PatchskipError("this stream failed on an earlier frame ({}); call reset()".format(self._failed))
            if len(inputs) != len(self._order):
                self._check_names(inputs)
            start = time.perf_counter()
            held = [self._take(name, inputs) for name in self._order]  # alive until the network has run
            self.model.use_threads()
            try:
                self._run(self._binding)
            except BaseException as error:
                self._failed = one_line(error)
                if not isinstance(error, Exception):
                    raise
                raise PatchskipError("{}: {}; call reset() to go on".format(self.model.path, self._failed)) from error
            del held
            self._seconds = time.perf_counter() - start
            self._frames += 1
            if not copy:
                return dict(self._outputs)
            return {name: array.copy() for name, array in self._outputs.items()}
        finally:
            self._running.release()

    def reset(self):
        """Forget the past: the next frame is computed in full."""
        for state in self._states:
            state.fill(np.nan)
        self._failed = None
        self._frames = 0

    @property
    def stats(self):
        """The last frame: {"active_macs": share 0..1 of the network's multiplications that were made, "layers":
        [{"name", "op_type", "macs", "active": share 0..1}], "stages_ms": {"inference"}}. Before any frame, {}.
        """
        if not self._frames:
            return {}
        shares = {mask["name"]: _share(self._arrays[mask["name"]], mask) for mask in self.model.metadata["masks"]}
        layers = [
            {
                "name": layer["name"],
                "op_type": layer["op_type"],
                "macs": layer["macs"],
                "active": shares.get(layer["mask"], 1.0),
            }
            for layer in self.model.layers
        ]
        done = sum(layer["macs"] * layer["active"] for layer in layers)
        dense = sum(node["macs"] for node in self.model.metadata["dense"])
        total = sum(layer["macs"] for layer in layers) + dense
        return {
            "active_macs": (done + dense) / total if total else 1.0,
            "layers": layers,
            "stages_ms": {"inference": 1e3 * self._seconds},
        }

    def image_mask(self):
        """-> (bool [Gh, Gw]: patches of the image recomputed in the last frame, side of a patch in pixels of the
        network's input). Raises PatchskipError before the first frame.
        """
        if not self._frames:
            raise PatchskipError("there is no mask before the first frame; call infer() first")
        masks = {mask["name"]: mask for mask in self.model.metadata["masks"]}
        masked = [layer for layer in self.model.layers if layer["mask"] in masks]
        if not masked:
            raise PatchskipError("{} has no masks; export it again".format(self.model.path))
        layer = next((layer for layer in masked if layer["op_type"] == "Image"), masked[0])
        mask = masks[layer["mask"]]
        entry = self.model.inputs[0]
        height = entry["shape"][2 if entry.get("layout") == "NCHW" else 1]
        return self._arrays[mask["name"]] != 0, mask["patch"] * height / mask["size"][0]

    @property
    def state_bytes(self):
        """Memory of the inter-frame state."""
        return sum(state.nbytes for state in self._states)

    def _bind_output(self, name):
        if name not in self._arrays:
            entry = self.model.type_of(name)
            array = self._arrays[name] = aligned(entry["shape"], entry["dtype"])
            self._binding.bind_output(name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data)
        return self._arrays[name]

    def _bind_input(self, name, array):
        self._binding.bind_input(name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data)

    def _take(self, name, inputs):
        """Check one input and bind it where it lies; -> the array bound."""
        array = inputs.get(name)
        if array is None:
            self._check_names(inputs)
        shape, dtype = self._inputs[name]
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
            raise PatchskipError(
                "the input {} is {}, the model takes {} {}; convert it".format(
                    name, _describe(array), dtype, list(shape)
                )
            )
        if dtype.kind == "f" and np.isnan(array.min()):  # min passes a NaN on, without a temporary
            raise PatchskipError("the input {} holds NaN; clean the frame before infer()".format(name))
        array = np.ascontiguousarray(array)
        pointer = array.__array_interface__["data"][0]
        if pointer != self._pointers[name]:
            self._bind_input(name, array)
            self._pointers[name] = pointer
        return array

    def _check_names(self, inputs):
        raise PatchskipError(
            "the inputs given are {}, the model takes {}; use its names".format(sorted(inputs), self._order)
        )


def _share(array, mask):
    """-> share of a tensor's pixels that lie in active patches; those at the border are cut."""
    weights = []
    for count, size in zip(array.shape, mask["size"]):
        pixels = np.full(count, mask["patch"], np.float64)
        pixels[-1] = size - (count - 1) * mask["patch"]
        weights.append(pixels / size)
    # No matrix product: it would wake the linear algebra library's threads, which then spin beside the next frame.
    return float((((array != 0) * weights[1]).sum(axis=1) * weights[0]).sum())


def _describe(value):
    if isinstance(value, np.ndarray):
        return "{} {}".format(value.dtype, list(value.shape))
    return "a {}".format(type(value).__name__)
