"""Engine files in TensorRT, on the GPU."""

import json

from patchskip.plugins.cuda import driver
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.model import read_metadata

from . import bindings, loading, sidecar


class Engine:
    """The network of a model.Model, with the interface of onnx_session.Session: inputs, outputs, metadata, execution.

    gpu         driver.Device
    tensorrt    loading.Loaded: the TensorRT that runs it
    engine      TensorRT's ICudaEngine
    sidecar     what `patchskip build` wrote beside it; None for an engine of an ordinary network
    cuda_graph  whether the last execution made is one, or why not
    """

    def __init__(self, path, data, tensorrt, gpu, described=None):
        """data: the engine's bytes. Raises PatchskipError when TensorRT does not take them."""
        self.path, self.tensorrt, self.gpu, self.sidecar = path, tensorrt, gpu, described
        self.cuda_graph = None
        self.metadata = json.dumps(described["metadata"]) if described else None
        self.gpu.use()
        self._runtime = tensorrt.trt.Runtime(tensorrt.log)
        self.engine = self._runtime.deserialize_cuda_engine(data)
        if self.engine is None:
            mend = sidecar.rebuild(path, described) if described else "build it here, with this TensorRT"
            raise PatchskipError(
                "TensorRT {} cannot load {} ({}); {}".format(tensorrt.version, path, tensorrt.log.last(), mend)
            )
        self.inputs, self.outputs = {}, {}  # type: dict, dict
        for tensor in bindings.tensors(tensorrt.trt, self.engine):
            to = self.inputs if tensor.is_input else self.outputs
            to[tensor.name] = {"shape": tensor.shape, "dtype": tensor.dtype}

    def execution(self, model):
        """-> Execution. Raises PatchskipError when there is no memory for one more, or the first run fails."""
        from .execution import Execution

        try:
            made = Execution(self, model)
        except PatchskipError as error:
            raise PatchskipError("{}: {}".format(self.path, error)) from error
        self.cuda_graph = made.details["cuda_graph"]
        return made

    def context(self):
        """-> an IExecutionContext."""
        self.gpu.use()
        context = self.engine.create_execution_context()
        if context is None:
            raise PatchskipError(
                "TensorRT finds no memory for one more stream ({}), {:.0f} MiB are free; close other programs, or use "
                "a smaller --input-size".format(self.tensorrt.log.last(), self.gpu.free_bytes() / 2.0**20)
            )
        return context


def load(path):
    """-> Engine of what `patchskip build` wrote.

    Raises PatchskipError when the engine is damaged, was built for another GPU or by another TensorRT or plugin, and
    when one of these is missing; the message says how to build it again.
    """
    described = sidecar.read(path)
    data = sidecar.contents(path, described)
    gpu = driver.device()
    sidecar.check_device(path, described, gpu)
    tensorrt = loading.load(described["flavour"], sidecar.plugin(described), (gpu.sm, gpu.multiprocessors))
    sidecar.check_software(path, described, tensorrt.version, tensorrt.plugin)
    made = Engine(path, data, tensorrt, gpu, described)
    for entry in read_metadata(made.metadata, path)["inputs"]:
        if entry["dtype"] == "uint8" and entry["name"] in made.inputs:  # words of four bytes to TensorRT
            made.inputs[entry["name"]] = {"shape": list(entry["shape"]), "dtype": "uint8"}
    return made


def load_dense(path, like):
    """-> Engine of an ordinary network, as trtexec writes it. like: an Engine, whose TensorRT loads this one too."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise PatchskipError("cannot open {}: {}; check the path".format(path, str(error.strerror).lower())) from None
    return Engine(path, data, like.tensorrt, like.gpu)
