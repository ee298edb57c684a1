"""Does a GPU compute a model's frames as the CPU does? Every tensor that a stream keeps is compared on every frame."""

import numpy as np
import onnx

from patchskip.benchmarks import planned
from patchskip.benchmarks.gpu_frame import Frames
from patchskip.benchmarks.measure import frames_of
from patchskip.benchmarks.sessions import SkipSession
from patchskip.runtime.model import read_metadata
from patchskip.runtime.preprocess import Preprocess

TOLERANCES = {"float32": 1e-4, "float16": 3e-2}  # of a tensor's largest magnitude; float16 adds up over the layers
TIMED = 20  # frames


def agreement(data, precision, source, limit, gpu, threads):
    """data: an exported model's file. -> {"precision", "frames", "tensors", "launches", "error", "worst", "full_ms",
    "rest_ms", "same"}.

    error: the largest, as a share of its tensor's largest magnitude. full_ms, rest_ms: of a frame's kernels when all is
    computed, and when nothing changed. Thresholds inside the network are taken out on both sides: a sum that is rounded
    otherwise would now and then decide otherwise.
    """
    model = ungated(onnx.load_from_string(data))
    data = model.SerializeToString()
    frames = Frames(planned.plan(data, precision, gpu.sm, gpu.multiprocessors), gpu)
    metadata = read_metadata(_property(model), "the model")
    states = metadata["states"]
    entry = metadata["inputs"][0]
    preprocess = Preprocess(entry, metadata.get("preprocess"))
    arrays = {state["input"]: np.full(state["shape"], np.nan, np.float32) for state in states}
    arrays[entry["name"]] = np.zeros(entry["shape"], entry["dtype"])
    cpu = SkipSession(model, threads, arrays, {state["output"]: state["input"] for state in states})
    frames.reset()
    worst, error, count = None, 0.0, 0
    for frame in frames_of(source, limit):
        arrays[entry["name"]][...] = preprocess(frame)
        cpu.run()
        frames.run({entry["name"]: arrays[entry["name"]]})
        for state, mine in zip(states, frames.states):
            expected, found = arrays[state["input"]], frames.tensor(mine)
            largest = np.abs(expected).max(initial=1e-30)
            off = float(np.abs(found.astype(np.float32) - expected).max(initial=0) / largest)
            if not off <= error:  # a NaN is the worst
                worst, error = state["output"], off
        count += 1
    return {
        "precision": precision,
        "frames": count,
        "tensors": len(states),
        "launches": frames.launches,
        "error": error,
        "worst": worst,
        "full_ms": frames.time_ms(True, TIMED),
        "rest_ms": frames.time_ms(False, TIMED),
        "same": error <= TOLERANCES[precision],
    }


def ungated(model):
    """The model with its gates inside the network taken out: PatchSkip nodes commit every active patch."""
    for node in model.graph.node:
        if node.op_type == "PatchSkip":
            kept = [attribute for attribute in node.attribute if attribute.name not in ("threshold", "cell")]
            del node.attribute[:]
            node.attribute.extend(kept)
    return model


def _property(model):
    return next((entry.value for entry in model.metadata_props if entry.key == planned.DOMAIN), None)
