"""A model, opened once and shared by any number of streams."""

import json
import os

from .errors import PatchskipError, whole_number

FORMAT = 1
NUMBER = (int, float)
# Of the metadata, docs/op-spec.md, what is read: a type, or some; a list of such; a dict with at least these keys.
LISTS = {
    "inputs": [{"name": str, "shape": [int], "dtype": str}],
    "outputs": [{"name": str, "shape": [int]}],
    "states": [{"input": str, "output": str, "kind": str, "shape": [int]}],
    "masks": [{"name": str, "patch": int, "size": [int]}],
    "layers": [{"name": str, "op_type": str, "shape": [int], "macs": int, "mask": str}],
    "dense": [{"name": str, "op_type": str, "macs": int, "reason": str}],
}
MORE = {  # not in every model
    "patch": int,
    "gate": str,
    "threshold": NUMBER + (type(None),),
    "macs": int,
    "coverage": NUMBER,
    "preprocess": {"channels": str, "mean": [NUMBER], "std": [NUMBER], "fit": str, "pad": NUMBER},
}
MOST_THREADS = 1024  # more is a slip, and takes minutes to start
ENGINES = (".engine", ".plan", ".trt")  # how their names end


def load(path, threads=None):
    """-> Model. `path` is what `patchskip export` wrote: ONNX Runtime runs it on the CPU, one call of `Stream.infer` on
    `threads` threads (default: PATCHSKIP_THREADS, or all cores). Or it is what `patchskip build` made of that: TensorRT
    runs it on the GPU.

    Raises PatchskipError when the file is missing, is not a model, or was not made by patchskip, and when what runs it
    is missing or was built for another machine.
    """
    path = os.fspath(path)
    if threads is not None:
        threads = whole_number(threads, "threads is {!r}; give a number, 1 or more")
        if threads > MOST_THREADS:
            raise PatchskipError("threads is {}; give a number from 1 to {}".format(threads, MOST_THREADS))
    if not os.path.isfile(path):
        raise PatchskipError("cannot open the model {}: there is no such file; check the path".format(path))
    if os.path.getsize(path) == 0:
        raise PatchskipError("cannot open the model {}: the file is empty; make or copy it again".format(path))
    if is_engine(path):
        from .tensorrt import engine

        return Model(path, threads, engine.load(path))
    from .onnx_session import Session

    return Model(path, threads, Session(path))


def is_engine(path):
    """Is this a file of `patchskip build`?"""
    path = os.fspath(path)
    return path.endswith(ENGINES) or not path.endswith(".onnx") and os.path.isfile(path + ".json")


def files_of(*paths):
    """-> what `load` reads of models: their files, and those that lie beside engines. None is no model."""
    given = [os.fspath(path) for path in paths if path is not None]
    return given + [path + ".json" for path in given if is_engine(path)]


def picture_size(entry):
    """-> (height, width) of the picture that a network sees by an image input, an entry of `Model.inputs`."""
    return tuple(entry.get("picture") or frame_size(entry))


def frame_size(entry):
    """-> (height, width) of an image input: not its picture's, where the model resizes it."""
    return tuple(entry["shape"][2:] if entry.get("layout") == "NCHW" else entry["shape"][1:3])


class Model:
    """The network and its weights, without any state: make a stream for each video.

    path
    threads        as given to `load`; None is the default
    metadata       dict, as in docs/op-spec.md
    inputs         [{"name", "shape", "dtype", "layout"}], as the original network's; "picture", [height, width],
                   where the model resizes what it is given
    outputs        [{"name", "shape", "dtype"}], as the original network's
    layers         [{"name", "op_type", "shape", "macs", "mask"}], every PatchSkip node
    network        what runs it: an onnx_session.Session or a tensorrt.engine.Engine
    """

    def __init__(self, path, threads, network):
        self.path, self.threads, self.network = path, threads, network
        self.metadata = read_metadata(network.metadata, path)
        self._check()
        self.inputs = [dict(entry, **network.inputs[entry["name"]]) for entry in self.metadata["inputs"]]
        self.outputs = [dict(entry, **network.outputs[entry["name"]]) for entry in self.metadata["outputs"]]
        self.layers = self.metadata["layers"]

    def stream(self, refresh=None, revisit=None):
        """-> Stream with its own inter-frame state; streams may run in different threads at the same time.

        refresh: within so many frames every part of the picture is computed anew, a little in each frame, so that
        nothing that a delta gate held back stays for longer. revisit: once in so many frames a box that `Stream.found`
        names is, as a whole.
        """
        from .stream import Stream

        return Stream(self, refresh, revisit)

    def _check(self):
        inputs, outputs = self.network.inputs, self.network.outputs
        states = self.metadata["states"]
        named = {entry["name"] for entry in self.metadata["inputs"]} | {state["input"] for state in states}
        made = {entry["name"] for key in ("outputs", "masks") for entry in self.metadata[key]}
        made |= {state["output"] for state in states}
        for kind, missing in (("input", named ^ set(inputs)), ("output", made - set(outputs))):
            if missing:
                raise PatchskipError(
                    "{}: its metadata and its graph disagree on the {} {}; export it again".format(
                        self.path, kind, sorted(missing)[0]
                    )
                )
        for name, entry in list(inputs.items()) + list(outputs.items()):
            if not all(isinstance(n, int) and n >= 0 for n in entry["shape"]):
                raise PatchskipError(
                    "{}: {} has the dynamic shape {}; export with --input-size H W".format(
                        self.path, name, entry["shape"]
                    )
                )


def read_metadata(text, path, needed=()):
    """The property `patchskip` of a model (None when it has none) -> dict, as in docs/op-spec.md.

    needed: keys of MORE that must be there beside the lists.
    """
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
        for key, form in LISTS.items():
            _require(metadata[key], form, key)
        for key, form in MORE.items():
            if key in needed or metadata.get(key) is not None:
                _require(metadata[key], form, key)
    except (ValueError, KeyError, TypeError) as error:
        raise PatchskipError(
            "{}: its patchskip metadata cannot be read ({!r}); export it again".format(path, error)
        ) from error
    return metadata


def _require(value, form, where):
    """Raises ValueError or KeyError unless a value of the metadata has this form, as in LISTS."""
    if not isinstance(value, type(form) if isinstance(form, (list, dict)) else form):
        raise ValueError("{} is {}".format(where, json.dumps(value)))
    if isinstance(form, list):
        for i, entry in enumerate(value):
            _require(entry, form[0], "{}[{}]".format(where, i))
    elif isinstance(form, dict):
        for key, part in form.items():
            _require(value[key], part, "{}.{}".format(where, key))
