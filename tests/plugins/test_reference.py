"""The specification itself, against ONNX's: the reference's dense operators and ONNX Runtime's standard ones.

Both are fed the same cases, with every patch active and nothing gated, so whatever the two do not share shows.
"""

import functools

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from opcases import bounds, convolution, deformable, local
from opcases.problems import full, problem

from patchskip.plugins.reference import patches

STANDARD = ("Conv", "ConvTranspose", "DeformConv", "MaxPool", "AveragePool", "Resize", "Concat", "Add", "Mul")
CASES = [
    spec
    for spec in convolution.CASES + deformable.CASES + local.CASES
    if spec.op_type in STANDARD and not spec.cell and spec.mask in ("random", "full")
]

# op_type -> attributes that ONNX's operator has under the same name.
ATTRIBUTES = {
    "Conv": ("kernel_shape", "strides", "dilations", "pads", "group"),
    "ConvTranspose": ("kernel_shape", "strides", "dilations", "pads", "group"),
    "DeformConv": ("kernel_shape", "strides", "dilations", "pads", "group", "offset_group"),
    "MaxPool": ("kernel_shape", "strides", "dilations", "pads"),
    "AveragePool": ("kernel_shape", "strides", "pads", "count_include_pad"),
    "Resize": ("mode", "coordinate_transformation_mode", "nearest_mode"),
}
DEFAULTS = {"Concat": {"axis": 1}, "Resize": {"nearest_mode": "round_prefer_floor"}}


def nchw(x):
    return np.ascontiguousarray(np.transpose(x, (0, 3, 1, 2)))


def onnx_nodes(case):
    """The case as standard nodes on x0, ... -> y; its activation and residual are nodes of their own."""
    call = case.attributes
    op_type = call["op_type"]
    size = case.inputs[1].shape[1:3]
    attributes = dict(
        DEFAULTS.get(op_type, {}),
        **{
            key: call[key] if isinstance(call[key], (str, int)) else list(call[key])
            for key in ATTRIBUTES.get(op_type, ())
            if key in call
        },
    )
    operands = ["x{}".format(i) for i in range(len(case.inputs) - 2)]
    residual = operands.pop() if call.get("residual", "none") != "none" else None
    if op_type == "ConvTranspose":
        attributes["output_padding"] = [
            n - ((i - 1) * s + (k - 1) * d + 1 - b - e)
            for n, i, s, k, d, b, e in zip(
                size,
                case.inputs[2].shape[1:3],
                call["strides"],
                call["kernel_shape"],
                call["dilations"],
                call["pads"][:2],
                call["pads"][2:],
            )
        ]
    if op_type in ("MaxPool", "AveragePool"):
        whole = [
            (i + b + e - (k - 1) * d - 1) // s + 1
            for i, b, e, k, d, s in zip(
                case.inputs[2].shape[1:3],
                call["pads"][:2],
                call["pads"][2:],
                call["kernel_shape"],
                call.get("dilations", (1, 1)),
                call["strides"],
            )
        ]
        attributes["ceil_mode"] = int(tuple(whole) != tuple(size))
    if op_type == "Resize":
        operands += ["", "", "sizes"]
    if op_type == "DeformConv":
        x, offset, *mask, weight, bias = operands
        operands = [x, weight, offset, bias, *mask]
    nodes = [helper.make_node(op_type, operands, ["value"], **attributes)]
    activation = {"None": "Identity", "SiLU": None}.get(call.get("activation", "None"), call.get("activation"))
    source = "value"
    if residual and call["residual"] == "before":
        nodes.append(helper.make_node("Add", [source, residual], ["summed"]))
        source = "summed"
    params = list(call.get("activation_params", ()))
    if activation is None:
        nodes += [
            helper.make_node("Sigmoid", [source], ["gate"]),
            helper.make_node("Mul", [source, "gate"], ["active"]),
        ]
    elif activation == "Clip":
        nodes.append(helper.make_node("Clip", [source, "low", "high"], ["active"]))
    elif activation == "PRelu":
        nodes.append(helper.make_node("PRelu", [source, "slope"], ["active"]))
    elif activation == "LeakyRelu":
        nodes.append(helper.make_node("LeakyRelu", [source], ["active"], alpha=params[0]))
    elif activation == "HardSigmoid":
        nodes.append(helper.make_node("HardSigmoid", [source], ["active"], alpha=params[0], beta=params[1]))
    else:
        nodes.append(helper.make_node(activation, [source], ["active"]))
    if residual and call["residual"] == "after":
        nodes.append(helper.make_node("Add", ["active", residual], ["y"]))
    else:
        nodes.append(helper.make_node("Identity", ["active"], ["y"]))
    return nodes


@functools.lru_cache(maxsize=1)
def options():
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.log_severity_level = 3
    return settings


def run_standard(case):
    feeds = {
        "x{}".format(i): nchw(x) if x.ndim == 4 and i + 2 not in case.constants else x
        for i, x in enumerate(case.inputs[2:])
    }
    channels = case.inputs[1].shape[3]
    params = np.asarray(case.attributes.get("activation_params", ()), np.float32)
    constants = [onnx.numpy_helper.from_array(np.array((1, channels) + case.inputs[1].shape[1:3], np.int64), "sizes")]
    if len(params) == 2:
        constants += [onnx.numpy_helper.from_array(np.array(v), name) for v, name in zip(params, ("low", "high"))]
    if len(params):
        constants.append(onnx.numpy_helper.from_array(params.reshape(-1, 1, 1), "slope"))
    nodes = onnx_nodes(case)
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "case",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape) for name, x in feeds.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [constant for constant in constants if constant.name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options(), providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented as error:
        pytest.skip("onnxruntime {} has not all operators: {}".format(onnxruntime.__version__, error))
    return np.transpose(session.run(None, feeds)[0], (0, 2, 3, 1))


# How much coarser than asked of ours (bounds.py) ONNX Runtime's operators are: it computes Resize's coordinates in
# float32, and its Sigmoid is an approximation.
COARSER = {"Resize": 40, "SiLU": 4, "Sigmoid": 4}


@pytest.mark.parametrize("spec", CASES, ids=lambda spec: spec.name)
def test_dense_operator_is_onnx_s(spec):
    case = full(problem(spec))
    expected = patches.patch_skip(*case.inputs, **case.attributes)[0]
    tolerance = bounds.patch_skip(
        spec.op_type,
        case.inputs[2:],
        spec.output[:2],
        spec.activation,
        case.attributes.get("activation_params", ()),
        spec.residual,
        spec.attributes,
    )
    tolerance *= max(COARSER.get(spec.op_type, 2), COARSER.get(spec.activation, 2))
    found = run_standard(case)
    assert found.shape == expected.shape
    excess = np.abs(found - expected) - tolerance
    assert (excess <= 0).all(), "at {} by {}".format(np.unravel_index(excess.argmax(), excess.shape), excess.max())


def test_without_a_cache_what_is_not_computed_is_nan():
    case = problem(convolution.conv("uncached", (9, 7), 3, 5, patch=2, mask="checkerboard"))
    active, cache, *operands = case.inputs
    kept, _ = patches.patch_skip(active, cache, *operands, **case.attributes)
    found, changed = patches.patch_skip(active, None, *operands, shape=cache.shape, **case.attributes)
    assert np.array_equal(found, np.where(case.chosen, kept, np.nan), equal_nan=True)
    assert np.array_equal(changed, active)
    for wrong in (dict(threshold=0.5), dict(op_type="Flatten")):
        with pytest.raises(ValueError, match="there is no cache"):
            patches.patch_skip(active, None, *operands, **dict(case.attributes, shape=cache.shape, **wrong))
