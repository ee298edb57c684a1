"""How far a result may lie from the reference's, element by element.

A float32 sum of K products errs by at most K u sum|products|, with u = 2^-24; rounding errors being of either sign, a
sound implementation stays under a few sqrt(K) u sum|products|, which is what is asked for. Operators that only move
values have no error at all.

Where activations are float16, sums are float32 all the same; the result is rounded once more, by half a unit in the
last place, and so is what lies between the two operators of a fused one.
"""

import math

import numpy as np

from patchskip.plugins.reference import operators
from patchskip.plugins.reference.patches import as_image, cell_means, evaluate

U = 2.0**-24
HALF_U, HALF_LEAST = 2.0**-11, 2.0**-25  # of float16: relative, and of what is too small for that

# Functions that are not a few float32 operations: the accuracy asked of them, relative and absolute.
TRANSCENDENTAL = {"SiLU": (2e-6, 1e-7), "Sigmoid": (2e-6, 1e-7)}


def patch_skip(op_type, inputs, size, activation, params, residual, attributes, dtype="float32"):
    """-> float64 tolerance, of the whole output's shape [1, H, W, C]. dtype: of activations and weights."""
    if op_type == "Planes":
        pixels = patch_skip("Identity", inputs, size, activation, params, residual, attributes, dtype)
        return np.transpose(pixels, (0, 3, 1, 2))
    bare = {key: value for key, value in attributes.items() if key != "residual"}
    error, value = _operator(op_type, inputs if residual == "none" else inputs[:-1], size, bare, dtype)
    if residual == "before":
        value = value + inputs[-1]
        error = error + U * np.abs(value)
    result = operators.activate(value, activation, params)
    error = _activation(error, value, result, activation, params)
    if residual == "after":
        result = result + inputs[-1]
        error = error + U * np.abs(result)
    error = error + U * np.abs(result) * (error > 0)  # the reference's own rounding
    return error if dtype == np.float32 else error + _half_unit(np.abs(result) + error) * (error > 0)


def _half_unit(magnitude):
    """Of float16's last place: what rounding a value of at most this magnitude costs."""
    return np.maximum(HALF_U * magnitude, HALF_LEAST)


def _operator(op_type, inputs, size, attributes, dtype):
    """-> (tolerance, value) before residual and activation."""
    if op_type == "Flatten":
        value = np.concatenate([x.reshape(1, -1, x.shape[-1]) for x in inputs], axis=1).astype(np.float64)
        return np.zeros_like(value), value
    value = evaluate(op_type, inputs, size, **attributes)
    if op_type in ("SeparableConv", "ConcatConv"):
        return _pointwise_of(op_type, inputs, size, dtype, **attributes), value
    if op_type in ("Conv", "ConvTranspose"):
        magnitude = evaluate(op_type, [np.abs(x) for x in inputs], size, **attributes)
        weight = inputs[1]
        terms = weight[0].size if op_type == "Conv" else weight[:, 0].size // attributes["group"]
        return (4 + 2 * math.sqrt(terms)) * U * magnitude, value
    if op_type == "DeformConv":
        return _deform_conv(inputs, size, dtype, **attributes), value
    if op_type == "AveragePool":
        magnitude = evaluate(op_type, [np.abs(inputs[0])], size, **attributes)
        terms = attributes["kernel_shape"][0] * attributes["kernel_shape"][1]
        return (4 + 2 * math.sqrt(terms)) * U * magnitude, value
    if op_type == "Resize" and attributes["mode"] == "linear":
        # A weight errs by up to u, however small it is: by u times the largest neighbour, for each axis.
        magnitude = np.abs(inputs[0])
        largest = operators.max_pool(magnitude, (3, 3), magnitude.shape[1:3], (1, 1), (1, 1), (1, 1, 1, 1))
        return 2 * U * evaluate(op_type, [2 * magnitude + largest], size, **attributes), value
    if op_type in ("Add", "Mul"):
        return U * np.abs(value), value
    return np.zeros(value.shape), value


def _pointwise_of(op_type, inputs, size, dtype, inner_activation="None", inner_activation_params=(), **attributes):
    """The first operator's tolerance, as the convolution passes it on, and the convolution's own."""
    *own, weight, bias = inputs
    first, activation = {"SeparableConv": "Conv", "ConcatConv": "Concat"}[op_type], inner_activation
    inner = patch_skip(first, own, size, activation, inner_activation_params, "none", attributes, dtype)
    between = np.abs(evaluate(first, own, size, activation, inner_activation_params, **attributes))
    weight, terms = np.abs(weight[:, :, 0, 0]).T.astype(np.float64), weight.shape[1]
    return inner @ weight + (4 + 2 * math.sqrt(terms)) * U * (between @ weight + np.abs(bias))


def _deform_conv(inputs, size, dtype, kernel_shape, strides, dilations, pads, group, offset_group):
    """A tap's error, as the convolution passes it on, and the convolution's own."""
    *own, weight, bias = (np.abs(v) for v in inputs)
    offset, mask = inputs[1], own[2] if len(own) == 3 else None
    form = kernel_shape, size, strides, dilations
    between = operators.deformed_taps(own[0], offset, mask, *form, pads, offset_group)
    # A share errs by a few u, however small it is: by a few u times the largest of the four pixels.
    wide, one = [n + 2 for n in own[0].shape[1:3]], (1, 1)
    largest = operators.max_pool(own[0], (3, 3), wide, one, one, (2, 2, 2, 2))
    error = 12 * U * operators.deformed_taps(largest, offset, mask, *form, [n + 1 for n in pads], offset_group)
    if dtype != np.float32:
        error = error + _half_unit(between + error)
    share = (4 + 2 * math.sqrt(weight[0].size)) * U
    return operators.weighted_taps(error + share * between, weight, share * bias, group)


def _activation(error, value, result, activation, params):
    """How the tolerance `error` on `value` passes through the activation."""
    if activation == "None":
        return error
    if activation in ("LeakyRelu", "PRelu"):
        return error * np.maximum(1, np.abs(np.asarray(params))) + U * np.abs(result)
    if activation == "HardSwish":
        return 1.5 * error + 4 * U * np.abs(value)
    if activation == "HardSigmoid":
        alpha, beta = (abs(p) for p in params)
        return alpha * error + 2 * U * (alpha * np.abs(value) + beta)
    if activation in TRANSCENDENTAL:
        relative, absolute = TRANSCENDENTAL[activation]
        return 1.1 * error + relative * np.abs(result) + absolute
    return error + U * np.abs(result)


def gate_reference(x, cell, layout="NHWC", channels=None, scale=None, bias=None):
    """Tolerance of PatchGate's new reference: [ceil(H/cell), ceil(W/cell), C]."""
    magnitude = np.abs(as_image(x, layout, channels).astype(np.float64))[0]
    if scale is not None:
        magnitude = magnitude * np.abs(scale)
    if bias is not None:
        magnitude = magnitude + np.abs(bias)
    return (4 + 2 * cell) * U * cell_means(magnitude, cell)
