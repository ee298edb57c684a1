"""ONNX Runtime sessions with every input and output bound once to memory of ours, for timing without Python's cost."""

import json
import os
import tempfile

import numpy as np

from patchskip.plugins import library
from patchskip.runtime.errors import PatchskipError
from patchskip.runtime.onnx_session import DTYPES, import_onnxruntime


def dense_options(threads):
    """SessionOptions that make the dense network as fast as it gets: every optimisation, a pool of `threads`."""
    ort = import_onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    return options


def open_session(model, options):
    """`model`: a path, or an onnx.ModelProto."""
    source = model if isinstance(model, (str, os.PathLike)) else model.SerializeToString()
    return import_onnxruntime().InferenceSession(source, options, providers=["CPUExecutionProvider"])


class BoundSession:
    """A session whose inputs and outputs are numpy arrays, bound once. `run()` reads the ones and writes the others.

    arrays: {input name: array}. aliases: {output: input}: the output is written where that input lies.
    """

    def __init__(self, session, arrays, aliases=None):
        self._session, self.arrays = session, dict(arrays)
        self._binding = session.io_binding()
        for node in session.get_inputs():
            self.bind_input(node.name, self.arrays[node.name])
        for node in session.get_outputs():
            source = (aliases or {}).get(node.name)
            self.arrays[node.name] = self.arrays[source] if source else _empty(node)
            array = self.arrays[node.name]
            self._binding.bind_output(node.name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data)

    def bind_input(self, name, array):
        """Read the input from `array`, C-contiguous, from now on."""
        self.arrays[name] = array
        self._binding.bind_input(name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data)

    def run(self):
        self._session.run_with_iobinding(self._binding)


def _empty(node):
    fixed = all(isinstance(size, int) for size in node.shape)
    if not fixed or node.type not in DTYPES:
        raise PatchskipError(f"output {node.name} is {node.type} {node.shape}; its shape should be fixed")
    return np.empty(node.shape, DTYPES[node.type])


class ProfiledDense(BoundSession):
    """A dense session that also gives the time ONNX Runtime spent in each operator, by its own account."""

    def __init__(self, model, threads, arrays):
        options = dense_options(threads)
        options.enable_profiling = True
        self._folder = tempfile.TemporaryDirectory()
        options.profile_file_prefix = os.path.join(self._folder.name, "dense")
        super().__init__(open_session(model, options), arrays)

    def node_times(self):
        """-> for each `run()` so far, {node name: (operator, ms)}. Ends the profile."""
        events = node_events(self._session.end_profiling())
        self._folder.cleanup()
        return events


def node_events(file):
    """ONNX Runtime's profile -> for each run of the session, {node name: (operator, ms)}."""
    with open(file, encoding="utf-8") as stream:
        events = json.load(stream)
    runs = sorted((e["ts"], e["ts"] + e["dur"]) for e in events if e.get("name") == "model_run")
    nodes = [e for e in events if e.get("cat") == "Node" and e["name"].endswith("_kernel_time")]
    nodes.sort(key=lambda e: e["ts"])
    result, at = [], 0
    for _, end in runs:
        times = {}
        while at < len(nodes) and nodes[at]["ts"] <= end:
            event = nodes[at]
            times[event["name"][: -len("_kernel_time")]] = (event["args"]["op_name"], event["dur"] / 1e3)
            at += 1
        result.append(times)
    return result


class SkipSession(BoundSession):
    """The same for a model with PatchSkip nodes, whose operators use `threads`."""

    def __init__(self, model, threads, arrays, aliases):
        options = dense_options(1)
        options.register_custom_ops_library(library.path())
        self._threads = threads
        super().__init__(open_session(model, options), arrays, aliases)

    def run(self):
        library.set_threads(self._threads)
        super().run()
