"""An exported model, opened once and shared by any number of streams."""

import json
import os
import re

from patchskip.plugins import library

from .errors import PatchskipError, one_line

FORMAT = 1
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


def load(path, threads=None):
    """-> Model. `path` is what `patchskip export` wrote; one call of `Stream.infer` uses `threads` threads (default:
    PATCHSKIP_THREADS, or all cores).

    Raises PatchskipError when the file is missing, is not an ONNX model, or was not made by `patchskip export`, and
    when the native operators are missing or were built for another machine.
    """
    return Model(path, threads)


class Model:
    """The network and its weights, without any state: make a stream for each video.

    path
    threads        as given to `load`; None is the default
    metadata       dict, as in docs/op-spec.md
    inputs         [{"name", "shape", "dtype", "layout"}], as the original network's
    outputs        [{"name", "shape", "dtype"}], as the original network's
    layers         [{"name", "op_type", "shape", "macs", "mask"}], every PatchSkip node
    """

    def __init__(self, path, threads=None):
        self.path = os.fspath(path)
        if threads is not None and (not isinstance(threads, int) or threads < 1):
            raise PatchskipError("threads is {!r}; give a number, 1 or more".format(threads))
        self.threads = threads
        self.session = _open(self.path)
        self.metadata = read_metadata(self.session.get_modelmeta().custom_metadata_map.get("patchskip"), self.path)
        self._types = {
            node.name: {"shape": list(node.shape), "dtype": DTYPES.get(node.type, node.type)}
            for node in self.session.get_inputs() + self.session.get_outputs()
        }
        self._check()
        self.inputs = [dict(entry, **self._types[entry["name"]]) for entry in self.metadata["inputs"]]
        self.outputs = [dict(entry, **self._types[entry["name"]]) for entry in self.metadata["outputs"]]
        self.layers = self.metadata["layers"]

    def stream(self):
        """-> Stream with its own inter-frame state; streams may run in different threads at the same time."""
        from .stream import Stream

        return Stream(self)

    def use_threads(self):
        """Tell the native operators how many threads they may use when the calling thread runs the network."""
        library.set_threads(self.threads or 0)

    def type_of(self, name):
        """-> {"shape", "dtype"} of a graph input or output."""
        return self._types[name]

    def _check(self):
        inputs = {node.name for node in self.session.get_inputs()}
        outputs = {node.name for node in self.session.get_outputs()}
        states = self.metadata["states"]
        named = {entry["name"] for entry in self.metadata["inputs"]} | {state["input"] for state in states}
        made = {entry["name"] for key in ("outputs", "masks") for entry in self.metadata[key]}
        made |= {state["output"] for state in states}
        for kind, missing in (("input", named ^ inputs), ("output", made - outputs)):
            if missing:
                raise PatchskipError(
                    "{}: its metadata and its graph disagree on the {} {}; export it again".format(
                        self.path, kind, sorted(missing)[0]
                    )
                )
        for name, entry in self._types.items():
            if not all(isinstance(n, int) for n in entry["shape"]):
                raise PatchskipError(
                    "{}: {} has the dynamic shape {}; export with --input-size H W".format(
                        self.path, name, entry["shape"]
                    )
                )


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


def _open(path):
    if not os.path.isfile(path):
        raise PatchskipError("cannot open the model {}: there is no such file; check the path".format(path))
    if os.path.getsize(path) == 0:
        raise PatchskipError("cannot open the model {}: the file is empty; export or copy it again".format(path))
    ort = import_onnxruntime()
    options = session_options()
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


def read_metadata(text, path):
    """The property `patchskip` of a model (None when it has none) -> dict, as in docs/op-spec.md."""
    if text is None:
        raise PatchskipError(
            "{} is an ordinary ONNX model without patch-skipping; make one with "
            "`patchskip export {} -o OUT.patchskip.onnx`".format(path, path)
        )
    try:
        metadata = json.loads(text)
        if metadata["format"] != FORMAT:
            raise PatchskipError(
                "{} has format {}, this version of patchskip reads format {}; export it again".format(
                    path, metadata["format"], FORMAT
                )
            )
        for key in ("inputs", "outputs", "states", "masks", "layers", "dense"):
            metadata[key] = list(metadata[key])
    except (ValueError, KeyError, TypeError) as error:
        raise PatchskipError(
            "{}: its patchskip metadata cannot be read ({!r}); export it again".format(path, error)
        ) from error
    return metadata
