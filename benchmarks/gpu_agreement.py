"""Does a GPU compute a model's frames as the CPU does? Every tensor that a stream keeps is compared on every frame."""

import numpy as np
import onnx

from patchskip.benchmarks import planned
from patchskip.benchmarks.gpu_frame import Frames
from patchskip.benchmarks.gpu_timing import warm_up
from patchskip.benchmarks.measure import frames_of
from patchskip.benchmarks.sessions import SkipSession
from patchskip.export.metadata import metadata_of
from patchskip.runtime.preprocess import Preprocess

# Of the largest error, as a share of the tensor's largest magnitude, and of the root mean square, as a share of the
# tensor's. Rounding to float16 adds up over the layers: yolox_nano's 80 come to 0.055 and 0.02.
TOLERANCES = {"float32": (1e-4, 1e-5), "float16": (0.2, 0.05)}
TINY = 1e-30
TIMED = 20  # frames


def agreement(data, precision, source, limit, gpu, threads):
    """data: an exported model's file. -> {"precision", "frames", "tensors", "launches", "largest", "rms", "worst",
    "full_ms", "rest_ms", "mhz", "same"}.

    largest, rms: errors as TOLERANCES has them; worst: the tensor with the largest. full_ms, rest_ms: of a frame's
    kernels when all is computed, and when nothing changed; mhz: the multiprocessors' clock then, None where unknown.
    Thresholds inside the network are taken out on both sides: a sum that is rounded otherwise would now and then decide
    otherwise.
    """
    model = ungated(onnx.load_from_string(data))
    data = model.SerializeToString()
    frames = Frames(planned.plan(data, precision, gpu.sm, gpu.multiprocessors), gpu)
    metadata = metadata_of(model)
    states = metadata["states"]
    entry = metadata["inputs"][0]
    preprocess = Preprocess(entry, metadata.get("preprocess"))
    arrays = {state["input"]: np.full(state["shape"], np.nan, np.float32) for state in states}
    arrays[entry["name"]] = np.zeros(entry["shape"], entry["dtype"])
    cpu = SkipSession(model, threads, arrays, {state["output"]: state["input"] for state in states})
    frames.reset()
    errors = []  # [frame][tensor]: largest, rms
    for frame in frames_of(source, limit):
        arrays[entry["name"]][...] = preprocess(frame)
        cpu.run()
        frames.run({entry["name"]: arrays[entry["name"]]})
        pairs = [(frames.tensor(mine), arrays[state["input"]]) for state, mine in zip(states, frames.states)]
        errors.append([_errors(found.astype(np.float32), expected) for found, expected in pairs])
    by_tensor = np.max(errors, axis=0)  # NaN, if there is one
    largest, rms = (float(error) for error in by_tensor.max(axis=0))
    allowed = TOLERANCES[precision]
    mhz = warm_up(lambda: frames.run({}))
    return {
        "precision": precision,
        "frames": len(errors),
        "tensors": len(states),
        "launches": frames.launches,
        "largest": largest,
        "rms": rms,
        "worst": states[int(np.argmax(by_tensor[:, 0]))]["output"],
        "full_ms": frames.time_ms(True, TIMED),
        "rest_ms": frames.time_ms(False, TIMED),
        "mhz": mhz,
        "same": largest <= allowed[0] and rms <= allowed[1],
    }


def _errors(found, expected):
    difference = np.abs(found - expected)
    largest = difference.max() / max(np.abs(expected).max(), TINY)
    return largest, np.sqrt(np.mean(difference**2)) / max(np.sqrt(np.mean(expected**2)), TINY)


def ungated(model):
    """The model with its gates inside the network taken out: PatchSkip nodes commit every active patch."""
    for node in model.graph.node:
        if node.op_type == "PatchSkip":
            kept = [attribute for attribute in node.attribute if attribute.name not in ("threshold", "cell", "weights")]
            del node.attribute[:]
            node.attribute.extend(kept)
    return model
