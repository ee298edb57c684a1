"""PatchMask, PatchGate and PatchSkip in numpy: the specification (docs/op-spec.md)."""

import numpy as np

from . import operators


def grid(size, patch):
    """Patches along each axis of a tensor of `size` = (H, W)."""
    return tuple(-(-n // patch) for n in size)


def to_pixels(mask, patch, size):
    """mask [Gh, Gw] -> bool [H, W]."""
    return np.repeat(np.repeat(mask != 0, patch, axis=0), patch, axis=1)[: size[0], : size[1]]


def patch_mask(masks, size, patch, in_patch, windows):
    """-> candidates int32 [Gh, Gw]: patches that read a patch set in any of `masks`."""
    rows, cols = grid(size, patch)
    result = np.zeros((rows, cols), np.int32)
    for i, mask in enumerate(masks):
        reads = [
            patches_read(mask.shape[axis], in_patch[i], size[axis], patch, windows[8 * i + 4 * axis :][:4])
            for axis in (0, 1)
        ]
        result |= (reads[0] @ (mask != 0).astype(np.int64) @ reads[1].T > 0).astype(np.int32)
    return result


def patches_read(n_in, in_patch, n_pixels, patch, window):
    """bool-like int64 [patches out, patches in]: does the one read the other, along one axis?"""
    num, den, low, high = window
    reads = np.zeros((-(-n_pixels // patch), n_in), np.int64)
    for y in range(n_pixels):
        first, last = (np.clip((y * num + edge) // den // in_patch, 0, n_in - 1) for edge in (low, high))
        reads[y // patch, first : last + 1] = 1
    return reads


def as_image(x, layout="NHWC", channels=None, scale=None, bias=None):
    """Any of PatchGate's forms of X -> float32 [1, H, W, C], normalised."""
    x = np.transpose(x, (0, 2, 3, 1)) if layout == "NCHW" else x
    x = x[..., list(channels)] if channels else x
    x = x.astype(np.float32)
    x = x * np.asarray(scale, np.float32) if scale else x
    return x + np.asarray(bias, np.float32) if bias else x


def cell_means(value, cell):
    """value [H, W, C] -> float64 [ceil(H/cell), ceil(W/cell), C]; a cut cell averages the pixels it has."""
    rows, cols = np.arange(0, value.shape[0], cell), np.arange(0, value.shape[1], cell)
    total = np.add.reduceat(np.add.reduceat(value.astype(np.float64), rows, axis=0), cols, axis=1)
    heights, widths = (np.diff(np.append(starts, n)) for starts, n in zip((rows, cols), value.shape))
    return total / (heights[:, None] * widths[None, :])[..., None]


def changed_patches(difference, threshold, cell, patch, size, weights=None):
    """difference [cells y, cells x, C] -> bool [Gh, Gw]: has any cell's mean |difference| passed the threshold?

    weights: of each channel's difference; all ones without. A NaN passes whatever its weight is, as 0 * NaN is NaN.
    """
    with np.errstate(invalid="ignore"):
        change = np.abs(difference) if weights is None else np.abs(difference) * np.asarray(weights, np.float32)
        cells = ~(change.mean(axis=-1) <= threshold)
    step = patch // cell
    rows, cols = (np.arange(n) * step for n in grid(size, patch))
    return np.logical_or.reduceat(np.logical_or.reduceat(cells, rows, axis=0), cols, axis=1)


def patch_gate(x, reference, candidates=None, mode="exact", patch=16, cell=1, threshold=0.0, weights=None, **image):
    """-> active int32 [Gh, Gw], and in `delta` mode the new reference (else None)."""
    value = as_image(x, **image)[0]
    size = value.shape[:2]
    if mode == "exact":
        differs = (value.astype(reference.dtype) != reference[0]) | np.isnan(value)
        active = changed_patches(differs.astype(np.float64), 0.0, 1, patch, size)
    else:
        means = cell_means(value, cell)
        active = changed_patches(means - reference, threshold, cell, patch, size, weights)
    if candidates is not None:
        active &= candidates != 0
    if mode == "exact":
        return active.astype(np.int32), None
    taken = to_pixels(active, patch // cell, reference.shape)[..., None]
    return active.astype(np.int32), np.where(taken, means, reference).astype(np.float32)


def patch_skip(
    active,
    cache,
    *inputs,
    op_type,
    patch,
    activation="None",
    activation_params=(),
    threshold=0.0,
    cell=1,
    weights=None,
    shape=None,
    **attributes,
):
    """-> Y float32 of cache's shape, and `changed` int32 [Gh, Gw].

    With the attribute `shape` nothing is kept, whatever `cache` is; Y is NaN where it is undefined: whoever reads that
    is found out. Raises ValueError when a threshold, Flatten or Planes then has nothing to compare with or to keep.
    """
    if shape is not None:
        if threshold > 0 or op_type in ("Flatten", "Planes"):
            raise ValueError("with the attribute shape there is no cache: threshold must be 0, op_type another")
        cache = np.full(shape, np.nan, np.float32)
    if op_type == "Flatten":
        return _flatten(active, cache, inputs, patch, activation, activation_params), active.copy()
    if op_type == "Planes":
        return _planes(active, cache, inputs[0], patch, activation, activation_params), active.copy()
    size = cache.shape[1:3]
    result = evaluate(op_type, inputs, size, activation, activation_params, **attributes)
    changed = active != 0
    if threshold > 0:
        difference = cell_means((result - cache)[0], cell)
        changed = changed & changed_patches(difference, threshold, cell, patch, size, weights)
    chosen = to_pixels(changed, patch, size)[None, :, :, None]
    return np.where(chosen, result, cache).astype(np.float32), changed.astype(np.int32)


def evaluate(op_type, inputs, size, activation="None", activation_params=(), residual="none", **attributes):
    """The whole operator on every pixel: float64 [1, H, W, C]."""
    x = inputs[0]
    kernel = attributes.get("kernel_shape")
    strides, dilations = attributes.get("strides", (1, 1)), attributes.get("dilations", (1, 1))
    pads = attributes.get("pads", (0, 0, 0, 0))
    if op_type in ("SeparableConv", "ConcatConv"):
        value = _pointwise_of(op_type, inputs[:-1] if residual != "none" else inputs, size, **attributes)
    elif op_type in ("Conv", "ConvTranspose"):
        convolve = operators.conv if op_type == "Conv" else operators.conv_transpose
        value = convolve(x, inputs[1], inputs[2], size, strides, dilations, pads, attributes.get("group", 1))
    elif op_type == "DeformConv":
        own = inputs[:-1] if residual != "none" else inputs
        *offset_and_mask, weight, bias = own[1:]
        offset, mask = offset_and_mask if len(own) == 5 else (offset_and_mask[0], None)
        groups = attributes.get("group", 1), attributes.get("offset_group", 1)
        value = operators.deform_conv(x, offset, mask, weight, bias, size, strides, dilations, pads, *groups)
    elif op_type == "MaxPool":
        value = operators.max_pool(x, kernel, size, strides, dilations, pads)
    elif op_type == "AveragePool":
        value = operators.average_pool(x, kernel, size, strides, pads, attributes.get("count_include_pad", 0))
    elif op_type == "Resize":
        value = operators.resize(
            x,
            size,
            attributes.get("mode", "nearest"),
            attributes.get("coordinate_transformation_mode", "half_pixel"),
            attributes.get("nearest_mode", "round_prefer_floor"),
        )
    elif op_type == "Add":
        value = x.astype(np.float64) + inputs[1]
    elif op_type == "Mul":
        value = x.astype(np.float64) * inputs[1]
    elif op_type == "Concat":
        value = np.concatenate(inputs, axis=-1).astype(np.float64)
    elif op_type == "Identity":
        value = x.astype(np.float64)
    elif op_type == "ChannelMap":
        channels = np.asarray(attributes["channels"])
        value = np.where(channels >= 0, x[..., np.maximum(channels, 0)], 0).astype(np.float64)
    elif op_type == "Image":
        value = as_image(x, **attributes).astype(np.float64)
    else:
        raise ValueError("op_type {!r} is not one of the specification's".format(op_type))
    if residual == "before":
        value = value + inputs[-1]
    value = operators.activate(value, activation, activation_params)
    return value + inputs[-1] if residual == "after" else value


def _pointwise_of(op_type, inputs, size, inner_activation="None", inner_activation_params=(), **attributes):
    """A depthwise convolution or a concatenation, then a 1x1 convolution of it."""
    first = "Conv" if op_type == "SeparableConv" else "Concat"
    between = evaluate(first, inputs[:-2], size, inner_activation, inner_activation_params, **attributes)
    return operators.conv(between, inputs[-2], inputs[-1], size, (1, 1), (1, 1), (0, 0, 0, 0), 1)


def _flatten(active, cache, inputs, patch, activation, activation_params):
    base = inputs[0].shape[1:3]
    rows = []
    for x in inputs:
        windows = [v for n_in, n_out in zip(base, x.shape[1:3]) for v in (n_in, n_out, 0, max(n_in - 1, 0))]
        rows.append(patch_mask([active], x.shape[1:3], 1, [patch], windows).reshape(-1))
    chosen = np.concatenate(rows)[None, :, None] != 0
    value = np.concatenate([x.reshape(1, -1, x.shape[-1]) for x in inputs], axis=1).astype(np.float64)
    value = operators.activate(value, activation, activation_params)
    return np.where(chosen, value, cache).astype(np.float32)


def _planes(active, cache, x, patch, activation, activation_params):
    chosen = to_pixels(active, patch, cache.shape[2:])
    value = operators.activate(x.astype(np.float64), activation, activation_params)
    return np.where(chosen, np.transpose(value, (0, 3, 1, 2)), cache).astype(np.float32)
