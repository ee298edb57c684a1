"""The dense network in ONNX Runtime, with the interface of a patch-skipping model: what it is measured against."""

import numpy as np
import onnx

import patchskip
from patchskip.benchmarks.sessions import BoundSession, dense_options, open_session
from patchskip.export import loading, set_input_size
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.memory import aligned
from patchskip.runtime.onnx_session import DTYPES


class DenseModel:
    """Every optimisation of ONNX Runtime, a pool of `threads`; else as `patchskip.runtime.model.Model`.

    size: the (height, width) to give it where its own differs. preprocess: a model's metadata["preprocess"].
    Raises PatchskipError when the file is no ONNX network with one image as its input.
    """

    def __init__(self, path, threads, size=None, preprocess=None, profile=None):
        self.path, self.threads = str(path), threads
        self.metadata = {"preprocess": preprocess or {}}
        network = loading.load(path)
        if size and tuple(size) != image_size(_input_shape(network)):
            network = set_input_size(network, tuple(size))
        loading.require_fixed_inputs(network, self.path)
        options = dense_options(threads)
        if profile:
            options.enable_profiling, options.profile_file_prefix = True, profile
        self.session = open_session(network, options)
        inputs = self.session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            found = {node.name: node.shape for node in inputs}
            raise PatchskipError(f"{path} has the inputs {found}; the dense network should take one image")
        layout = "NCHW" if inputs[0].shape[1] == 3 else "NHWC"
        self.inputs = [{**_entry(inputs[0]), "layout": layout}]
        self.outputs = [_entry(node) for node in self.session.get_outputs()]

    def stream(self):
        return DenseStream(self)


class DenseStream:
    """`infer` and `reset` as `patchskip.runtime.stream.Stream` has them; there is no state."""

    stats = {"active_macs": 1.0, "layers": []}
    allocate = staticmethod(aligned)

    def __init__(self, model):
        self._name = model.inputs[0]["name"]
        self._image = aligned(model.inputs[0]["shape"], model.inputs[0]["dtype"])
        self._bound = BoundSession(model.session, {self._name: self._image})
        self._outputs = {entry["name"]: self._bound.arrays[entry["name"]] for entry in model.outputs}

    def infer(self, inputs, copy=True):
        image = inputs[self._name]
        if image is not self._image:  # read where it lies: dense is not charged with a copy
            self._bound.bind_input(self._name, image)
            self._image = image
        self._bound.run()
        return {name: array.copy() for name, array in self._outputs.items()} if copy else self._outputs

    def reset(self):
        pass


def open_model(path, threads, like=None):
    """-> a patch-skipping or a dense model, as the file is.

    A dense one gets the image size and the preprocessing of the patch-skipping model `like`, if there is one.
    """
    if is_patchskip(path):
        return patchskip.load(path, threads)
    if like is None:
        return DenseModel(path, threads)
    entry = like.inputs[0]
    size = entry["shape"][2:4] if entry.get("layout") == "NCHW" else entry["shape"][1:3]
    return DenseModel(path, threads, size, like.metadata.get("preprocess"))


def is_patchskip(path):
    """Was this file made by `patchskip export`? False for no model at all: whoever opens it says what is wrong."""
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception:  # protobuf's errors have no common base
        return False
    return any(entry.key == "patchskip" for entry in model.metadata_props)


def image_size(shape):
    """(height, width) of an image input's shape, NCHW or NHWC with three channels."""
    return tuple(shape[2:4] if len(shape) == 4 and shape[1] == 3 else shape[1:3])


def _input_shape(network):
    constants = {tensor.name for tensor in network.graph.initializer}
    values = [value for value in network.graph.input if value.name not in constants]
    return [dim.dim_value for dim in values[0].type.tensor_type.shape.dim] if values else []


def _entry(node):
    return {"name": node.name, "shape": list(node.shape), "dtype": DTYPES.get(node.type, node.type)}


def difference(found, expected):
    """-> (largest absolute difference, the same over the largest magnitude expected); NaN where either holds one."""
    with np.errstate(invalid="ignore", divide="ignore"):
        largest = float(np.abs(np.subtract(found, expected, dtype=np.float64)).max(initial=0))
        magnitude = float(np.abs(expected).max(initial=0))
    if largest == 0:
        return 0.0, 0.0
    return largest, largest / magnitude if magnitude else float("inf")
