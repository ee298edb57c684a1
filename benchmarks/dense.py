"""The dense network, with the interface of a patch-skipping model: what that is measured against."""

import json
import os

import numpy as np

import patchskip
from patchskip.benchmarks.sessions import BoundSession, dense_options, open_session
from patchskip.runtime.errors import PatchskipError, one_line
from patchskip.runtime.memory import aligned
from patchskip.runtime.model import FORMAT, Model, is_engine, picture_size
from patchskip.runtime.onnx_session import DTYPES


class DenseModel:
    """In ONNX Runtime, with every optimisation and a pool of `threads`; else as `patchskip.runtime.model.Model`.

    size: the (height, width) to give it where its own differs, which takes the exporter. preprocess: a model's
    metadata["preprocess"]. Raises PatchskipError when the file is no ONNX network with one image as its input.
    """

    def __init__(self, path, threads, size=None, preprocess=None):
        self.path, self.threads = str(path), threads
        self.metadata = {"preprocess": preprocess or {}}
        self.session = _open(self.path, size, dense_options(threads))
        self.inputs = [one_image(path, [_entry(node) for node in self.session.get_inputs()])]
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


def dense_engine(path, like):
    """-> Model of an engine of an ordinary network, as trtexec writes it, with the preprocessing of the Model `like`,
    whose TensorRT loads it.
    """
    from patchskip.runtime.tensorrt import engine

    if not (like and is_engine(like.path)):
        raise PatchskipError(
            f"{path} is an engine without a sidecar, to be compared with engines only; give an ONNX file"
        )
    network = engine.load_dense(path, like.network)
    inputs, outputs = (
        [{"name": name, **entry} for name, entry in entries.items()] for entries in (network.inputs, network.outputs)
    )
    nothing: dict = {key: [] for key in ("states", "masks", "layers", "dense")}
    preprocess = {"preprocess": like.metadata.get("preprocess")}
    described = {"format": FORMAT, "inputs": [one_image(path, inputs)], "outputs": outputs, **nothing, **preprocess}
    network.metadata = json.dumps(described)
    return Model(str(path), None, network)


def open_dense(path, threads, like):
    """-> the dense network that the patch-skipping Model `like` was made from: ONNX, or an engine."""
    if is_engine(path):
        return dense_engine(path, like)
    return DenseModel(path, threads, picture_size(like.inputs[0]), like.metadata.get("preprocess"))


def open_model(path, threads, like=None):
    """-> a patch-skipping or a dense model, as the file is.

    A dense one gets the image size and the preprocessing of the patch-skipping model `like`, if there is one.
    """
    if is_patchskip(path):
        return patchskip.load(path, threads)
    return open_dense(path, threads, like) if like or is_engine(path) else DenseModel(path, threads)


def is_patchskip(path):
    """Was this file made by `patchskip export` or `build`? False for no model at all: whoever opens it says what is
    wrong.
    """
    from patchskip.runtime.tensorrt import onnx_file

    if is_engine(path):
        return os.path.isfile(f"{path}.json") or not os.path.isfile(path)
    try:
        with open(path, "rb") as file:
            return onnx_file.read(file.read()).property("patchskip") is not None
    except (OSError, PatchskipError):
        return False


def one_image(path, inputs):
    """-> the only input, with its layout. Raises PatchskipError when it is no image, or not the only one."""
    if len(inputs) != 1 or len(inputs[0]["shape"]) != 4:
        found = {entry["name"]: entry["shape"] for entry in inputs}
        raise PatchskipError(f"{path} has the inputs {found}; the dense network should take one image")
    return {**inputs[0], "layout": "NCHW" if inputs[0]["shape"][1] == 3 else "NHWC"}


def image_size(shape):
    """(height, width) of an image input's shape, NCHW or NHWC with three channels."""
    return tuple(shape[2:4] if len(shape) == 4 and shape[1] == 3 else shape[1:3])


def _input_shape(network):
    constants = {tensor.name for tensor in network.graph.initializer}
    values = [value for value in network.graph.input if value.name not in constants]
    return [dim.dim_value for dim in values[0].type.tensor_type.shape.dim] if values else []  # 0 where it is open


def _open(path, size, options):
    """-> ONNX Runtime's session of a network, at that size."""
    try:
        from patchskip.export import loading, set_input_size
    except (ImportError, SyntaxError):  # on a device with an old Python, or without onnx
        return _open_as_it_is(path, size, options)
    network = loading.load(path)
    shape = _input_shape(network)
    if size and (tuple(size) != image_size(shape) or 0 in shape[:1]):
        network = set_input_size(network, tuple(size))
    loading.require_fixed_inputs(network, path)
    return open_session(network, options)


def _open_as_it_is(path, size, options):
    try:
        session = open_session(path, options)
    except PatchskipError:
        raise
    except Exception as error:  # ONNX Runtime's errors have no common base
        raise PatchskipError(f"cannot open {path}: {one_line(error)[:300]}; copy or export it again") from error
    shape = session.get_inputs()[0].shape
    if not all(isinstance(n, int) for n in shape) or size and tuple(size) != image_size(shape):
        raise PatchskipError(
            f"{path} takes {shape}, an image of {list(size or [])} is needed, and here is no exporter to change it; "
            "change the network where it was exported"
        )
    return session


def _entry(node):
    return {"name": node.name, "shape": list(node.shape), "dtype": DTYPES.get(node.type, node.type)}


def difference(found, expected):
    """-> (largest absolute difference, the same over the largest magnitude expected); NaN where either holds one."""
    with np.errstate(invalid="ignore", divide="ignore"):
        largest = magnitude(np.subtract(found, expected, dtype=np.float64))
        most = magnitude(expected)
    if largest == 0:
        return 0.0, 0.0
    return largest, largest / most if most else float("inf")


def magnitude(values):
    """-> the largest absolute value: 0 when there is none, NaN when one of them is."""
    return float(np.abs(values).max()) if values.size else 0.0
