"""Models in ONNX Runtime, on the CPU."""

import re

import numpy as np

from patchskip.plugins import library

from .errors import PatchskipError, one_line
from .memory import aligned, aligned_together

DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


class Session:
    """The network of a model.Model: what it takes and makes, as {name: {"shape", "dtype"}}, and its metadata's text.

    Raises PatchskipError when the file is no ONNX model that ONNX Runtime accepts, or the native operators do not load.
    """

    def __init__(self, path, options=None):
        self.session = _open(path, options or session_options())
        self.metadata = self.session.get_modelmeta().custom_metadata_map.get("patchskip")
        self.inputs, self.outputs = (
            {node.name: {"shape": list(node.shape), "dtype": DTYPES.get(node.type, node.type)} for node in nodes}
            for nodes in (self.session.get_inputs(), self.session.get_outputs())
        )

    def execution(self, model):
        return Execution(self, model)


class Execution:
    """What a stream.Stream runs. Every array is allocated and bound once, a state's as the graph's input and as its
    output: an operator finds last frame's values where this frame's go, and writes only what changed."""

    allocate = staticmethod(aligned)

    def __init__(self, network, model):
        self.details = {}
        self._threads = model.threads or 0
        self._binding = network.session.io_binding()
        self._inputs = [entry["name"] for entry in model.inputs]
        self._bound = [None] * len(self._inputs)
        wanted = [(entry["shape"], entry["dtype"]) for entry in network.outputs.values()]
        self._arrays = dict(zip(network.outputs, aligned_together(wanted)))
        for name, array in self._arrays.items():
            self._binding.bind_output(name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data)
        self.states = []
        for state in model.metadata["states"]:
            array = self._arrays[state["output"]]
            self.states.append(Kept(array))
            self._bind_input(state["input"], array)
        self.outputs = {entry["name"]: self._arrays[entry["name"]] for entry in model.outputs}
        self.state_bytes = sum(state.array.nbytes for state in self.states)
        self._run = network.session.run_with_iobinding

    def run(self, arrays):
        for i, array in enumerate(arrays):  # read where they lie
            pointer = array.__array_interface__["data"][0]
            if pointer != self._bound[i]:
                self._bind_input(self._inputs[i], array)
                self._bound[i] = pointer
        library.set_threads(self._threads)
        self._run(self._binding)

    def reset(self):
        for state in self.states:
            state.array.fill(np.nan)

    def mask(self, name):
        return self._arrays[name]

    def _bind_input(self, name, array):
        self._binding.bind_input(name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data)


class Kept:
    """One of stream.Stream's `states`."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def forget(self, rows, columns):
        self.array[..., rows, columns, 0] = np.nan

    def known(self):
        return bool(np.isfinite(self.array).all())


def import_onnxruntime():
    try:
        import onnxruntime
    except ImportError as error:
        raise PatchskipError(
            "ONNX Runtime is needed to run a model and cannot be imported ({}); pip install onnxruntime".format(error)
        ) from error
    return onnxruntime


def session_options():
    """-> SessionOptions of every session: the native operators have their own threads, and we report the errors."""
    ort = import_onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_mem_pattern = False  # its second block grows with the activity, beside the first frame's
    return options


def _open(path, options):
    ort = import_onnxruntime()
    try:
        options.register_custom_ops_library(library.path())
    except PatchskipError:
        raise
    except Exception as error:
        raise PatchskipError(
            "ONNX Runtime {} cannot load {}: {}; {}".format(
                ort.__version__, library.FILE, one_line(error), library.HOW_TO_BUILD
            )
        ) from error
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise PatchskipError("cannot open the model {}: {}".format(path, _reason(error))) from error


def _reason(error):
    """ONNX Runtime's error (its classes share no base) -> what was found and how to mend it."""
    kind, text = type(error).__name__, one_line(error)
    if kind == "InvalidProtobuf" or "Protobuf parsing failed" in text:
        return "it is not an ONNX file, or it is truncated; export or copy it again"
    if "opset" in text.lower() or "Unsupported model IR version" in text:
        numbers = re.findall(r"opset (\d+)", text, re.IGNORECASE)
        known = "it is of opset {}, this ONNX Runtime knows those up to {}"
        found = known.format(*numbers) if len(numbers) == 2 else "its opset is not supported ({})".format(text[:200])
        return found + "; export it with an older opset, or update ONNX Runtime"
    return "ONNX Runtime does not accept it ({}); export it again with `patchskip export`".format(text[:300])
