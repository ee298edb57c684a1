"""A small model written by hand (the device has no onnx package), to see that the native operators work at all."""

import numpy as np

from patchskip.plugins import library
from patchskip.plugins.reference import patches

from .errors import PatchskipError
from .onnx_session import import_onnxruntime, session_options
from .tensorrt import onnx_file

SIZE, IN, OUT, PATCH = (8, 8), 5, 7, 4
ATTRIBUTES = {
    "op_type": "Conv",
    "patch": PATCH,
    "activation": "Relu",
    "kernel_shape": [3, 3],
    "pads": [1, 1, 1, 1],
    "strides": [1, 1],
    "dilations": [1, 1],
    "group": 1,
}


def check():
    """Run one convolution through ONNX Runtime and compare it with the specification; -> the largest error.

    Raises PatchskipError when it cannot be run or is wrong.
    """
    rng = np.random.RandomState(0)
    active = np.array([[1, 0], [0, 1]], np.int32)
    cache, x = (rng.normal(size=(1,) + SIZE + (c,)).astype(np.float32) for c in (OUT, IN))
    weight = rng.normal(size=(OUT, IN, 3, 3)).astype(np.float32)
    bias = rng.normal(size=OUT).astype(np.float32)
    options = session_options()
    try:
        options.register_custom_ops_library(library.path())
        session = import_onnxruntime().InferenceSession(
            _model(weight, bias), options, providers=["CPUExecutionProvider"]
        )
        (result,) = session.run(None, {"active": active, "cache": cache, "x": x})
    except PatchskipError:
        raise
    except Exception as error:
        raise PatchskipError("the native operators do not run: {}; {}".format(error, library.HOW_TO_BUILD)) from error
    expected, _ = patches.patch_skip(active, cache, x, weight, bias, **ATTRIBUTES)
    worst = float(np.abs(result - expected).max())
    if not worst < 1e-4:
        raise PatchskipError("the native operators are wrong by {}; {}".format(worst, library.HOW_TO_BUILD))
    return worst


def _model(weight, bias):
    """-> the ONNX file."""
    node = onnx_file.Node(
        op_type="PatchSkip", domain="patchskip", inputs=["active", "cache", "x", "w", "b"], outputs=["y"]
    )
    for name, value in ATTRIBUTES.items():
        node.set_attribute(name, value)
    value, pixels = onnx_file.Value.of, (1,) + SIZE
    graph = onnx_file.Graph(
        name="check",
        nodes=[node],
        initializers=[onnx_file.Tensor.of("w", weight), onnx_file.Tensor.of("b", bias)],
        inputs=[
            value("active", np.int32, [n // PATCH for n in SIZE]),
            value("cache", np.float32, pixels + (OUT,)),
            value("x", np.float32, pixels + (IN,)),
        ],
        outputs=[value("y", np.float32, pixels + (OUT,))],
    )
    opsets = [onnx_file.Opset(domain=domain, version=version) for domain, version in (("", 13), ("patchskip", 1))]
    return onnx_file.Model(ir_version=7, graph=graph, opsets=opsets).encode()
