"""One video's pass through a model: the inter-frame state, and the binding of memory to the network."""

import threading
import time

import numpy as np

from .errors import PatchskipError, one_line
from .model import picture_size
from .parts import Parts
from .refresh import Refresh, Revisit


class Stream:
    """Made by `Model.stream()`. Frames go through `infer` one after the other; one thread at a time.

    What runs the network, and holds its memory, is an execution (of onnx_session.py, tensorrt/execution.py):

    run(arrays)             one frame; the arrays are in the order of the model's inputs
    outputs                 {name: array} of the model's outputs, which the next run overwrites
    mask(name)              -> the mask's array, of the last run
    reset()                 every state is NaN
    state_bytes             memory of the states
    allocate(shape, dtype)  -> array for an input, from where it is read fastest
    details                 {name: value}, what `stats` says beside its own
    states                  what is kept, in the order of the metadata's states, each with `shape`, `dtype`,
                            forget(rows, columns): slices of its pixels, of which some value becomes NaN, and of no
                            other outside of the rectangle that they span; known() -> is all of it finite?

    refresh, revisit: in so many frames every part of the picture, and every box that `found` names, is computed anew,
    see refresh.py; None leaves it out.
    """

    def __init__(self, model, refresh=None, revisit=None):
        self.model = model
        self._running = threading.Lock()
        self._failed = None
        self._seconds = 0.0
        self._frames = 0
        self._inputs = {entry["name"]: (tuple(entry["shape"]), np.dtype(entry["dtype"])) for entry in model.inputs}
        self._order = [entry["name"] for entry in model.inputs]
        self._execution = model.network.execution(model)
        self._outputs = self._execution.outputs
        self._run = self._execution.run
        self.allocate = self._execution.allocate
        parts = None if refresh is None and revisit is None else Parts(model, self._execution)
        self._refresh = None if refresh is None else Refresh(parts, refresh)
        self._revisit = None if revisit is None else Revisit(parts, revisit)
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
            if not isinstance(inputs, dict) or len(inputs) != len(self._order):
                self._refuse(inputs)
            start = time.perf_counter()
            arrays = [self._take(name, inputs) for name in self._order]
            try:
                if self._refresh:
                    self._refresh()
                if self._revisit:
                    self._revisit()
                self._run(arrays)
            except BaseException as error:
                self._failed = one_line(error)
                if not isinstance(error, Exception):
                    raise
                mend = "" if getattr(error, "sticky", False) else "; call reset() to go on"
                raise PatchskipError("{}: {}{}".format(self.model.path, self._failed, mend)) from error
            self._seconds = time.perf_counter() - start
            self._frames += 1
            if not copy:
                return dict(self._outputs)
            return {name: array.copy() for name, array in self._outputs.items()}
        finally:
            self._running.release()

    def found(self, boxes):
        """What the last frame showed: boxes [n, 4], x1, y1, x2, y2 in pixels of the network's picture, finite.
        What is found is computed anew, box by box, once in `revisit` frames, and without that left aside. After every
        few frames is enough. Raises PatchskipError for anything else.
        """
        array = np.asarray(boxes, np.float64)
        if array.size and (array.ndim != 2 or array.shape[1] != 4 or not np.isfinite(array).all()):
            raise PatchskipError(
                "the boxes found, {}, are not [n, 4] finite numbers; give x1, y1, x2, y2 in pixels of the network's "
                "picture".format(list(array.shape))
            )
        if self._revisit:
            self._revisit.found(array.tolist())

    def reset(self):
        """Forget the past: the next frame is computed in full."""
        self._execution.reset()
        self._failed = None
        self._frames = 0

    @property
    def stats(self):
        """The last frame: {"active_macs": share of the network's multiplications that were made (PASS gates' are added,
        and may carry it beyond 1), "layers": [{"name", "op_type", "macs", "active": share 0..1}], "stages_ms":
        {"inference"}}; of an engine also
        "cuda_graph": whether one is replayed, or why not. Before any frame, {}.
        """
        if not self._frames:
            return {}
        shares = {
            mask["name"]: _share(self._execution.mask(mask["name"]), mask) for mask in self.model.metadata["masks"]
        }
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
        dense, gates = (
            sum(node["macs"] for node in self.model.metadata["dense"] if node.get("gate", False) is gate)
            for gate in (False, True)
        )
        total = sum(layer["macs"] for layer in layers) + dense
        return dict(
            self._execution.details,
            active_macs=(done + dense + gates) / total if total else 1.0,
            layers=layers,
            stages_ms={"inference": 1e3 * self._seconds},
        )

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
        height = picture_size(self.model.inputs[0])[0]
        return self._execution.mask(mask["name"]) != 0, mask["patch"] * height / mask["size"][0]

    @property
    def state_bytes(self):
        """Memory of the inter-frame state."""
        return self._execution.state_bytes

    def _take(self, name, inputs):
        """-> one input as a C-contiguous array, checked."""
        array = inputs.get(name)
        if array is None:
            self._refuse(inputs)
        shape, dtype = self._inputs[name]
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
            raise PatchskipError(
                "the input {} is {}, the model takes {} {}; convert it".format(
                    name, _describe(array), dtype, list(shape)
                )
            )
        if dtype.kind == "f" and np.isnan(array.min()):  # min passes a NaN on, without a temporary
            raise PatchskipError("the input {} holds NaN; clean the frame before infer()".format(name))
        return np.ascontiguousarray(array)

    def _refuse(self, inputs):
        given = sorted(inputs, key=str) if isinstance(inputs, dict) else _describe(inputs)
        raise PatchskipError(
            "the inputs given are {}, the model takes {}; give a dict with these names".format(given, self._order)
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
