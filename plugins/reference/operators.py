"""The dense operators in numpy: NHWC, batch 1, one screen each.

They define what PatchSkip computes on an active patch. Sums are taken in float64 and rounded once, so that a kernel's
error is measured against the true value and not against another float32 sum.
"""

import numpy as np


def _taps(x, kernel, strides, dilations, pads, size, fill):
    """x [1, H, W, C] -> [kh, kw, H', W', C]: the value under each tap, `fill` outside the tensor."""
    x = x[0].astype(np.float64)
    height, width, channels = x.shape
    taps = np.full(tuple(kernel) + tuple(size) + (channels,), fill, np.float64)
    for ky in range(kernel[0]):
        for kx in range(kernel[1]):
            rows = np.arange(size[0]) * strides[0] - pads[0] + ky * dilations[0]
            cols = np.arange(size[1]) * strides[1] - pads[1] + kx * dilations[1]
            inside_y = (rows >= 0) & (rows < height)
            inside_x = (cols >= 0) & (cols < width)
            taps[ky, kx][np.ix_(inside_y, inside_x)] = x[np.ix_(rows[inside_y], cols[inside_x])]
    return taps


def deformed_taps(x, offset, mask, kernel, size, strides, dilations, pads, offset_group):
    """As `_taps`, each tap moved and weighted at each output pixel -> [kh, kw, H', W', C].

    x [1, H, W, C]; offset [1, H', W', offset_group * kh * kw * 2]: rows, then columns, that a tap is moved by; mask
    [1, H', W', offset_group * kh * kw], or None: 1. Between pixels a tap reads bilinearly, outside the tensor 0 (ONNX
    DeformConv).
    """
    x = x[0].astype(np.float64)
    height, width, channels = x.shape
    form = tuple(size) + (offset_group,) + tuple(kernel)
    offset = offset[0].astype(np.float64).reshape(form + (2,))
    mask = np.ones(form) if mask is None else mask[0].astype(np.float64).reshape(form)
    taps = np.zeros(tuple(kernel) + tuple(size) + (channels,), np.float64)
    rows, cols = (np.arange(n) * s - b for n, s, b in zip(size, strides, pads))
    for g, ky, kx in np.ndindex(offset_group, *kernel):
        part = slice(g * channels // offset_group, (g + 1) * channels // offset_group)
        at = (
            rows[:, None] + ky * dilations[0] + offset[:, :, g, ky, kx, 0],
            cols[None, :] + kx * dilations[1] + offset[:, :, g, ky, kx, 1],
        )
        for corner in np.ndindex(2, 2):
            y, xx = (np.floor(a) + c for a, c in zip(at, corner))
            share = np.prod([1 - np.abs(a - n) for a, n in zip(at, (y, xx))], axis=0) * mask[:, :, g, ky, kx]
            inside = (y >= 0) & (y < height) & (xx >= 0) & (xx < width)
            y, xx = (np.where(inside, n, 0).astype(np.int64) for n in (y, xx))
            taps[ky, kx][..., part] += share[..., None] * np.where(inside[..., None], x[y, xx][..., part], 0)
    return taps


def conv(x, weight, bias, size, strides, dilations, pads, group):
    """weight [M, C/group, kh, kw] -> [1, H', W', M] float64."""
    return weighted_taps(_taps(x, weight.shape[2:], strides, dilations, pads, size, 0.0), weight, bias, group)


def deform_conv(x, offset, mask, weight, bias, size, strides, dilations, pads, group, offset_group):
    """weight [M, C/group, kh, kw] -> [1, H', W', M] float64; offset, mask as of `deformed_taps`."""
    taps = deformed_taps(x, offset, mask, weight.shape[2:], size, strides, dilations, pads, offset_group)
    return weighted_taps(taps, weight, bias, group)


def weighted_taps(taps, weight, bias, group):
    """taps [kh, kw, H', W', C], weight [M, C/group, kh, kw] -> [1, H', W', M] float64."""
    inputs, outputs = weight.shape[1], weight.shape[0] // group
    result = np.empty(taps.shape[2:4] + (weight.shape[0],), np.float64)
    for g in range(group):
        part = weight[g * outputs : (g + 1) * outputs].astype(np.float64)
        result[..., g * outputs : (g + 1) * outputs] = np.einsum(
            "yxhwc,mcyx->hwm", taps[..., g * inputs : (g + 1) * inputs], part, optimize=True
        )
    return (result + bias.astype(np.float64))[None]


def conv_transpose(x, weight, bias, size, strides, dilations, pads, group):
    """weight [C, M/group, kh, kw] -> [1, H', W', M] float64; `size` is the output's."""
    height, width, channels = x.shape[1:]
    kernel, outputs = weight.shape[2:], weight.shape[1]
    inputs = channels // group
    full = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip((height, width), strides, kernel, dilations)]
    full = [max(f, n + b) for f, n, b in zip(full, size, pads)]
    result = np.zeros(tuple(full) + (outputs * group,), np.float64)
    for ky in range(kernel[0]):
        for kx in range(kernel[1]):
            y, xx = ky * dilations[0], kx * dilations[1]
            target = result[
                y : y + (height - 1) * strides[0] + 1 : strides[0], xx : xx + (width - 1) * strides[1] + 1 : strides[1]
            ]
            for g in range(group):
                c, m = slice(g * inputs, (g + 1) * inputs), slice(g * outputs, (g + 1) * outputs)
                target[..., m] += x[0][..., c].astype(np.float64) @ weight[c, :, ky, kx].astype(np.float64)
    cut = result[pads[0] : pads[0] + size[0], pads[1] : pads[1] + size[1]]
    return (cut + bias.astype(np.float64))[None]


def max_pool(x, kernel, size, strides, dilations, pads):
    return _taps(x, kernel, strides, dilations, pads, size, -np.inf).max(axis=(0, 1))[None]


def average_pool(x, kernel, size, strides, pads, count_include_pad):
    ones = (1, 1)
    total = _taps(x, kernel, strides, ones, pads, size, 0.0).sum(axis=(0, 1))
    if count_include_pad:
        # As ONNX: padding counts, but not what a window overhangs beyond the padded tensor.
        padded = [n + before + after for n, before, after in zip(x.shape[1:3], pads[:2], pads[2:])]
        counts = [
            np.minimum(np.arange(n) * s + k, p) - np.arange(n) * s for n, s, k, p in zip(size, strides, kernel, padded)
        ]
        count = (counts[0][:, None] * counts[1][None, :])[..., None]
    else:
        count = _taps(np.ones_like(x[..., :1]), kernel, strides, ones, pads, size, 0.0).sum(axis=(0, 1))
    return (total / count)[None]


def source_coordinate(index, n_in, n_out, mode):
    """Where output coordinate `index` lies in the input (ONNX Resize, coordinate_transformation_mode)."""
    index = np.asarray(index, np.float64)
    if mode == "asymmetric":
        return index * n_in / n_out
    if mode == "align_corners":
        return index * (n_in - 1) / max(n_out - 1, 1)
    if mode == "pytorch_half_pixel" and n_out == 1:
        return index * 0
    return (index + 0.5) * n_in / n_out - 0.5


def nearest(coordinate, mode):
    rounding = {
        "floor": lambda v: np.floor(v),
        "ceil": lambda v: np.ceil(v),
        "round_prefer_floor": lambda v: np.ceil(v - 0.5),
        "round_prefer_ceil": lambda v: np.floor(v + 0.5),
    }
    return rounding[mode](coordinate).astype(np.int64)


def resize(x, size, mode, coordinates, nearest_mode):
    result = x[0].astype(np.float64)
    for axis, n_out in enumerate(size):
        n_in = result.shape[axis]
        at = source_coordinate(np.arange(n_out), n_in, n_out, coordinates)
        if mode == "nearest":
            result = result.take(np.clip(nearest(at, nearest_mode), 0, n_in - 1), axis=axis)
        else:
            low = np.floor(at).astype(np.int64)
            share = (at - low).reshape([-1 if a == axis else 1 for a in range(3)])
            before = result.take(np.clip(low, 0, n_in - 1), axis=axis)
            after = result.take(np.clip(low + 1, 0, n_in - 1), axis=axis)
            result = before * (1 - share) + after * share
    return result[None]


def activate(value, name, params=()):
    """`value` float64 [..., C]; parameters as in the specification."""

    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    with np.errstate(over="ignore"):
        if name == "None":
            return value
        if name == "Relu":
            return np.maximum(value, 0)
        if name == "Clip":
            return np.clip(value, params[0], params[1])
        if name in ("LeakyRelu", "PRelu"):
            return np.where(value < 0, value * np.asarray(params, np.float64), value)
        if name == "SiLU":
            return value * sigmoid(value)
        if name == "HardSwish":
            return value * np.clip(value / 6 + 0.5, 0, 1)
        if name == "HardSigmoid":
            return np.clip(value * params[0] + params[1], 0, 1)
        if name == "Sigmoid":
            return sigmoid(value)
    raise ValueError("activation {!r} is not one of the specification's".format(name))
