"""What PatchSkip computes on every pixel, in PyTorch: the twin of plugins/reference/operators.py, with gradients.

Activations are float32 [N, C, H, W] (N streams; channels last in memory), sizes and pads as in docs/op-spec.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from patchskip.plugins.reference import operators as reference

Size = tuple[int, int]


def evaluate(op_type: str, inputs: Sequence[Tensor], size: Size, attributes: Mapping) -> Tensor:
    """The whole operator: [N, C, H, W] of `size`. inputs: activations, weights, the residual, as in the specification.

    Raises KeyError on an op_type that is not in OPERATORS.
    """
    residual = attributes.get("residual", "none")
    value = OPERATORS[op_type](inputs[:-1] if residual != "none" else inputs, size, attributes)
    if residual == "before":
        value = value + inputs[-1]
    value = activate(value, attributes.get("activation", "None"), attributes.get("activation_params", ()))
    return value + inputs[-1] if residual == "after" else value


def activate(value: Tensor, name: str, params: Sequence[float] = ()) -> Tensor:
    return ACTIVATIONS[name](value, params)


def _slopes(value: Tensor, params: Sequence[float]) -> Tensor:
    slope = torch.tensor(list(params), dtype=value.dtype, device=value.device).view(1, -1, 1, 1)
    return torch.where(value < 0, value * slope, value)


ACTIVATIONS: dict[str, Callable[[Tensor, Sequence[float]], Tensor]] = {
    "None": lambda value, params: value,
    "Relu": lambda value, params: F.relu(value),
    "Clip": lambda value, params: value.clamp(params[0], params[1]),
    "LeakyRelu": _slopes,
    "PRelu": _slopes,
    "SiLU": lambda value, params: F.silu(value),
    "HardSwish": lambda value, params: F.hardswish(value),
    "HardSigmoid": lambda value, params: (value * params[0] + params[1]).clamp(0, 1),
    "Sigmoid": lambda value, params: value.sigmoid(),
}


def _pair(attributes: Mapping, name: str) -> tuple[int, int]:
    first, second = attributes.get(name, (1, 1))
    return first, second


def _padded(x: Tensor, attributes: Mapping, size: Size, fill: float) -> Tensor:
    """x with its padding, cut or extended to what the windows of `size` outputs read."""
    top, left, _, _ = attributes.get("pads", (0, 0, 0, 0))
    reach = [
        (n - 1) * s + (k - 1) * d + 1
        for n, s, k, d in zip(
            size, _pair(attributes, "strides"), attributes["kernel_shape"], _pair(attributes, "dilations")
        )
    ]
    below, right = reach[0] - top - x.shape[2], reach[1] - left - x.shape[3]
    return F.pad(x, (left, right, top, below), value=fill) if (top, left, below, right) != (0, 0, 0, 0) else x


def _conv(inputs: Sequence[Tensor], size: Size, attributes: Mapping) -> Tensor:
    x, weight, bias = inputs
    strides, dilations = _pair(attributes, "strides"), _pair(attributes, "dilations")
    group = attributes.get("group", 1)
    padded = _padded(x, {**attributes, "kernel_shape": weight.shape[2:]}, size, 0.0)
    return F.conv2d(padded, weight, bias, strides, 0, dilations, group)


def _conv_transpose(inputs: Sequence[Tensor], size: Size, attributes: Mapping) -> Tensor:
    x, weight, bias = inputs
    strides, dilations = _pair(attributes, "strides"), _pair(attributes, "dilations")
    top, left, _, _ = attributes.get("pads", (0, 0, 0, 0))
    full = F.conv_transpose2d(x, weight, bias, strides, 0, 0, attributes.get("group", 1), dilations)
    below, right = (max(0, b + n - have) for b, n, have in zip((top, left), size, full.shape[2:]))
    if below or right:  # output padding: nothing but the bias is added up there
        outside = F.pad(torch.zeros_like(full), (0, right, 0, below), value=1.0) * bias.view(1, -1, 1, 1)
        full = F.pad(full, (0, right, 0, below)) + outside
    return full[:, :, top : top + size[0], left : left + size[1]]


def _deform_conv(inputs: Sequence[Tensor], size: Size, attributes: Mapping) -> Tensor:
    """Tap by tap: what it reads, moved and weighted at each output pixel, then its part of the convolution."""
    x, offset, *mask, weight, bias = inputs
    kernel, group, parts = weight.shape[2:], attributes.get("group", 1), attributes.get("offset_group", 1)
    strides, dilations = _pair(attributes, "strides"), _pair(attributes, "dilations")
    starts = [
        torch.arange(n, device=x.device, dtype=x.dtype) * stride - begin
        for n, stride, begin in zip(size, strides, attributes.get("pads", (0, 0, 0, 0)))
    ]
    value = bias.view(1, -1, 1, 1)
    for tap, (ky, kx) in enumerate(np.ndindex(*kernel)):
        read = []
        for part, channels in enumerate(x.chunk(parts, 1)):
            n = part * kernel[0] * kernel[1] + tap
            place = starts[0].view(1, -1, 1) + ky * dilations[0], starts[1].view(1, 1, -1) + kx * dilations[1]
            found = _between_pixels(channels, place, (offset[:, 2 * n], offset[:, 2 * n + 1]))
            read.append(found * mask[0][:, n : n + 1] if mask else found)
        value = value + F.conv2d(torch.cat(read, 1), weight[:, :, ky : ky + 1, kx : kx + 1], groups=group)
    return value


def _between_pixels(x: Tensor, place: tuple[Tensor, Tensor], moved: tuple[Tensor, Tensor]) -> Tensor:
    """x [N, C, H, W] at whole pixels `place`, moved by [N, H', W'] rows and columns, bilinearly; 0 outside.

    F.grid_sample, which takes places as shares of the size, would round them.
    """
    height, width = x.shape[2:]
    whole = [distance.detach().floor() for distance in moved]
    rest = [distance - floor for distance, floor in zip(moved, whole)]
    value = torch.zeros((), device=x.device)
    for corner in np.ndindex(2, 2):
        row, column = (start + floor + next for start, floor, next in zip(place, whole, corner))
        share = torch.prod(torch.stack([r if next else 1 - r for r, next in zip(rest, corner)]), 0)
        share = share * ((row >= 0) & (row < height) & (column >= 0) & (column < width))
        index = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long().flatten(1)[:, None]
        read = x.flatten(2).gather(2, index.expand(-1, x.shape[1], -1)).view(*x.shape[:2], *row.shape[1:])
        value = value + share[:, None] * read
    return value


def _separable_conv(inputs: Sequence[Tensor], size: Size, attributes: Mapping) -> Tensor:
    return _pointwise(_conv(inputs[:3], size, attributes), inputs[3:], attributes)


def _concat_conv(inputs: Sequence[Tensor], size: Size, attributes: Mapping) -> Tensor:
    return _pointwise(torch.cat(list(inputs[:-2]), 1), inputs[-2:], attributes)


def _pointwise(between: Tensor, weights: Sequence[Tensor], attributes: Mapping) -> Tensor:
    inner = activate(between, attributes.get("inner_activation", "None"), attributes.get("inner_activation_params", ()))
    return F.conv2d(inner, weights[0], weights[1])


def _max_pool(inputs: Sequence[Tensor], size: Size, attributes: Mapping) -> Tensor:
    padded = _padded(inputs[0], attributes, size, -float("inf"))
    kernel, strides = tuple(attributes["kernel_shape"]), _pair(attributes, "strides")
    return F.max_pool2d(padded, kernel, strides, 0, _pair(attributes, "dilations"))


def _average_pool(inputs: Sequence[Tensor], size: Size, attributes: Mapping) -> Tensor:
    x, kernel, strides = inputs[0], tuple(attributes["kernel_shape"]), _pair(attributes, "strides")
    total = F.avg_pool2d(_padded(x, attributes, size, 0.0), kernel, strides, divisor_override=1)
    ones = np.ones((1, *x.shape[2:], 1), np.float32)
    included = attributes.get("count_include_pad", 0)
    mean_of_ones = reference.average_pool(ones, kernel, size, strides, attributes.get("pads", (0, 0, 0, 0)), included)
    inside = F.avg_pool2d(
        _padded(torch.ones_like(x[:1, :1]), attributes, size, 0.0), kernel, strides, divisor_override=1
    )
    return total / inside * torch.as_tensor(mean_of_ones[..., 0], dtype=x.dtype, device=x.device)[:, None]


def _resize(inputs: Sequence[Tensor], size: Size, attributes: Mapping) -> Tensor:
    x = inputs[0]
    mode = attributes.get("mode", "nearest")
    coordinates = attributes.get("coordinate_transformation_mode", "half_pixel")
    for axis, n_out in zip((2, 3), size):
        n_in = x.shape[axis]
        at = reference.source_coordinate(np.arange(n_out), n_in, n_out, coordinates)
        if mode == "nearest":
            found = reference.nearest(at, attributes.get("nearest_mode", "round_prefer_floor"))
            x = x.index_select(axis, _index(found, n_in, x))
        else:
            low = np.floor(at)
            share = torch.as_tensor(at - low, dtype=x.dtype, device=x.device).view(
                [-1 if a == axis else 1 for a in range(4)]
            )
            before = x.index_select(axis, _index(low, n_in, x))
            after = x.index_select(axis, _index(low + 1, n_in, x))
            x = before + (after - before) * share
    return x


def _index(values: np.ndarray, count: int, like: Tensor) -> Tensor:
    return torch.as_tensor(np.clip(values, 0, count - 1).astype(np.int64), device=like.device)


def _channel_map(inputs: Sequence[Tensor], size: Size, attributes: Mapping) -> Tensor:
    channels = torch.as_tensor(list(attributes["channels"]), device=inputs[0].device)
    found = inputs[0].index_select(1, channels.clamp(min=0))
    return found * (channels >= 0).to(found.dtype).view(1, -1, 1, 1)


def _image(inputs: Sequence[Tensor], size: Size, attributes: Mapping) -> Tensor:
    """From [N, C, H, W] of any type, whatever the layout was."""
    x = inputs[0].float()
    if attributes.get("channels"):
        x = x[:, list(attributes["channels"])]
    for name, combine in (("scale", torch.mul), ("bias", torch.add)):
        if attributes.get(name):
            x = combine(x, torch.tensor(list(attributes[name]), dtype=x.dtype, device=x.device).view(1, -1, 1, 1))
    return x


OPERATORS: dict[str, Callable[[Sequence[Tensor], Size, Mapping], Tensor]] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DeformConv": _deform_conv,
    "SeparableConv": _separable_conv,
    "ConcatConv": _concat_conv,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "Resize": _resize,
    "Add": lambda inputs, size, attributes: inputs[0] + inputs[1],
    "Mul": lambda inputs, size, attributes: inputs[0] * inputs[1],
    "Concat": lambda inputs, size, attributes: torch.cat(list(inputs), 1),
    "Identity": lambda inputs, size, attributes: inputs[0],
    "Planes": lambda inputs, size, attributes: inputs[0],
    "ChannelMap": _channel_map,
    "Image": _image,
}
