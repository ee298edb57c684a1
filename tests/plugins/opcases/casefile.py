"""Problems as a file for the conformance runner, and its answers. The formats are in plugins/conformance/casefile.h."""

import struct

import numpy as np

from patchskip.plugins.library import DTYPES, FLOATS, INTS, STRING, attribute_values

CASES, ANSWERS = b"PSCASES1", b"PSANSWER"
DONE, NOT_CREATED, NOT_RUN, WROTE_OUTSIDE, WROTE_INPUT = range(5)


def write(path, calls):
    """calls: list of (problem, threads)."""
    with open(path, "wb") as file:
        file.write(CASES + struct.pack("<i", len(calls)))
        for problem, threads in calls:
            file.write(_text(problem.operator) + struct.pack("<ii", threads, len(problem.attributes)))
            for name, value in problem.attributes.items():
                kind, values = attribute_values(value)
                assert kind in (INTS, FLOATS, STRING)
                file.write(_text(name) + struct.pack("<ii", kind, values.size) + values.tobytes())
            file.write(struct.pack("<i", len(problem.inputs)))
            for array in problem.inputs:
                file.write(_tensor(array))
            file.write(struct.pack("<i", len(problem.outputs)))
            for i, array in enumerate(problem.outputs):
                file.write(struct.pack("<i", problem.alias.get(i, -1)) + _tensor(array))


def read(path, calls):
    """-> list of (status, message, outputs), of as many calls as were answered."""
    with open(path, "rb") as file:
        data = file.read()
    if data[: len(ANSWERS)] != ANSWERS:
        return []
    answers, at = [], len(ANSWERS)
    for problem, _ in calls:
        if at + 8 > len(data):
            break
        status, length = struct.unpack_from("<ii", data, at)
        message = data[at + 8 : at + 8 + length].decode("utf-8", "replace")
        at += 8 + length
        outputs = []
        for like in problem.outputs:
            part = data[at : at + like.nbytes]
            at += like.nbytes
            if len(part) < like.nbytes:
                return answers
            outputs.append(np.frombuffer(part, like.dtype).reshape(like.shape))
        answers.append((status, message, outputs))
    return answers


def _text(text):
    return struct.pack("<i", len(text)) + text.encode()


def _tensor(array):
    if array is None:
        return struct.pack("<i", 0)
    header = struct.pack("<ii{}q".format(array.ndim), DTYPES[array.dtype], array.ndim, *array.shape)
    return header + array.tobytes()
