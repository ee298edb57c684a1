"""Cases drawn at random over everything that the lists vary one thing at a time. Case number n is always the same."""

import math
import random

from .convolution import ACTIVATIONS, conv, transpose
from .deformable import deform
from .fused import concat_conv, separable
from .gates import gate
from .local import channel_map, concat, flatten, image, plane, pointwise, pool, resize
from .specs import MASKS, WEIGHTS, Mask


def draw(number):
    """-> Skip number `number`."""
    rng = random.Random(number)
    kinds = (
        "conv",
        "conv",
        "conv",
        "depthwise",
        "depthwise",
        "grouped",
        "deform",
        "separable",
        "separable",
        "concat_conv",
        "transpose",
        "pool",
        "resize",
        "pointwise",
        "concat",
        "channel_map",
        "image",
        "flatten",
        "planes",
    )
    kind = rng.choice(kinds)
    size = rng.randint(1, 24), rng.randint(1, 24)
    tag = "random{}".format(number)
    patch = rng.choice((1, 1, 2, 2, 3, 4, 4, 8, 16))
    rest = dict(patch=patch, mask=rng.choice(MASKS), in_place=rng.randint(0, 1), cache=rng.choice(("random", "nan")))
    activation, params = rng.choice(ACTIVATIONS)
    if kind != "image" or rng.random() < 0.2:
        rest.update(activation=activation, params=params)
    if rng.random() < 0.3 and kind not in ("flatten", "planes"):
        rest["cell"] = rng.choice([cell for cell in (1, 2, 3, 4, 8, 16) if patch % cell == 0])
        rest["weights"] = rng.choice(WEIGHTS)
    channels = rng.choice((1, 2, 3, 7, 8, 16, 19, 32, 40, 64, 96))

    if kind in ("conv", "depthwise", "grouped", "deform", "separable", "transpose", "pool"):
        kernel = tuple(rng.choice((1, 2, 3, 3, 4, 5, 7)) for _ in range(2))
        stride = tuple(rng.choice((1, 1, 2, 3)) for _ in range(2))
        dilation = tuple(rng.choice((1, 1, 1, 2)) for _ in range(2))
        reach = [(k - 1) * d for k, d in zip(kernel, dilation)]
    if kind in ("separable", "concat_conv"):
        rest.update(residual=rng.choice(("none", "none", "before", "after")), between=rng.choice(ACTIVATIONS))
        c_out = rng.choice((1, 3, 8, 17, 32, 48))
        if kind == "concat_conv":
            return concat_conv(tag, size, [rng.randint(1, 40) for _ in range(rng.randint(1, 6))], c_out, **rest)
    if kind in ("conv", "depthwise", "grouped", "deform", "separable"):
        pads = tuple(rng.randint(0, reach[i % 2]) for i in range(4))
        lack = [max(0, reach[i] + 1 - size[i] - pads[i] - pads[i + 2]) for i in range(2)]
        pads = pads[:2] + (pads[2] + lack[0], pads[3] + lack[1])
        if kind == "separable":
            return separable(tag, size, channels, c_out, kernel, stride, dilation, pads, **rest)
        if kind == "deform":
            groups = dict(group=rng.choice((1, 1, 2, 3)), offset_group=rng.choice((1, 1, 2, 4)))
            each = math.lcm(*groups.values()) * rng.choice((1, 3, 8))
            form = dict(groups, weighted=rng.random() < 0.5, far=rng.random() < 0.3)
            c_out = groups["group"] * rng.choice((1, 3, 8, 17))
            rest["residual"] = rng.choice(("none", "none", "before", "after"))
            return deform(tag, size, each, c_out, kernel, stride=stride, dilation=dilation, pads=pads, **form, **rest)
        group = {"conv": 1, "depthwise": channels, "grouped": rng.choice((2, 3, 4))}[kind]
        c_in = channels * group if kind == "grouped" else channels
        c_out = group * rng.choice((1, 2) if kind == "depthwise" else (1, 3, 8, 17, 32, 48))
        rest["residual"] = rng.choice(("none", "none", "before", "after"))
        return conv(tag, size, c_in, c_out, kernel, stride, dilation, pads, group, **rest)
    if kind == "transpose":
        group = rng.choice((1, 1, channels))
        rest["residual"] = rng.choice(("none", "none", "before", "after"))
        extra = tuple(rng.randint(0, s - 1) for s in stride)
        pads = tuple(rng.randint(0, min(reach[i % 2] // 2, (size[i % 2] - 1) * stride[i % 2] // 2)) for i in range(4))
        c_out = group if group > 1 else rng.choice((1, 3, 8, 17, 32))
        return transpose(
            tag,
            (min(size[0], 12), min(size[1], 12)),
            channels,
            c_out,
            kernel,
            stride,
            tuple(min(p, 5) for p in pads),
            extra,
            group,
            dilation,
            **rest,
        )
    if kind == "pool":
        pads = tuple(rng.randint(0, kernel[i % 2] - 1) for i in range(4))
        lack = [max(0, kernel[i] - size[i] - pads[i] - pads[i + 2]) for i in range(2)]
        size = size[0] + lack[0], size[1] + lack[1]
        op_type = rng.choice(("MaxPool", "AveragePool"))
        count = rng.randint(0, 1) if op_type == "AveragePool" else None
        return pool(op_type, tag, size, channels, kernel, stride, pads, count=count, **rest)
    if kind == "resize":
        output = rng.randint(1, 40), rng.randint(1, 40)
        mode = rng.choice(("nearest", "linear"))
        coordinates = rng.choice(("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"))
        rounding = rng.choice(("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"))
        return resize(
            "-" + tag, size, output, channels, mode, coordinates, rounding if mode == "nearest" else None, **rest
        )
    if kind == "pointwise":
        op_type = rng.choice(("Add", "Mul", "Identity"))
        return pointwise(op_type, tag, size, channels, 1 if op_type == "Identity" else 2, **rest)
    if kind == "concat":
        return concat(tag, size, [rng.randint(1, 40) for _ in range(rng.randint(1, 6))], **rest)
    if kind == "channel_map":
        return channel_map(
            tag, size, channels, [rng.randint(-1, channels - 1) for _ in range(rng.randint(1, 50))], **rest
        )
    if kind == "planes":
        return plane(tag, size, channels, **rest)
    if kind == "image":
        layout, dtype = rng.choice((("NCHW", "float32"), ("NHWC", "float32"), ("NHWC", "uint8")))
        channels = rng.choice((1, 3, 4))
        taken = [rng.randrange(channels) for _ in range(rng.choice((1, 3)))]
        return image(
            tag,
            size,
            channels,
            layout,
            dtype,
            taken,
            [rng.uniform(-1, 1) for _ in taken],
            [rng.uniform(-9, 9) for _ in taken],
            **rest,
        )
    sizes = [size] + [(max(1, size[0] >> i), max(1, size[1] >> i)) for i in range(1, rng.randint(1, 4))]
    return flatten(tag, sizes, channels, **rest)


def draw_decision(number):
    """-> Mask or Gate number `number`."""
    rng = random.Random(number)
    return _draw_mask(rng, number) if rng.random() < 0.5 else _draw_gate(rng, number)


def _draw_mask(rng, number):
    def window():
        low = rng.randint(-8, 4)
        return rng.randint(0, 4), rng.choice((1, 1, 2, 3)), low, low + rng.choice((0, 1, 2, 5, 9))

    count = rng.randint(1, 4)
    sizes = [(rng.randint(1, 40), rng.randint(1, 40)) for _ in range(count + 1)]
    patches = [rng.choice((1, 1, 2, 3, 4, 8, 16)) for _ in range(count + 1)]
    windows = sum((window() for _ in range(2 * count)), ())
    kinds = tuple(rng.choice(("single", "single", "random", "empty")) for _ in range(count))
    name = "patchmask-random{}".format(number)
    return Mask(name, sizes[0], patches[0], tuple(sizes[1:]), tuple(patches[1:]), windows, kinds)


def _draw_gate(rng, number):
    patch, mode, channels = (
        rng.choice((1, 2, 3, 4, 8, 16)),
        rng.choice(("exact", "delta")),
        rng.choice((1, 2, 3, 7, 40)),
    )
    layout, dtype = rng.choice((("NCHW", "float32"), ("NHWC", "float32"), ("NHWC", "uint8")))
    rest = dict(layout=layout, dtype=dtype, in_place=rng.randint(0, 1) if mode == "delta" else 0)
    if mode == "delta":
        rest["cell"] = rng.choice([cell for cell in (1, 2, 3, 4, 8, 16) if patch % cell == 0])
        rest["weights"] = rng.choice(WEIGHTS)
    if rng.random() < 0.5:
        taken = [rng.randrange(channels) for _ in range(rng.choice((1, 3)))]
        rest.update(channels=taken, scale=[rng.uniform(-1, 1) for _ in taken], bias=[rng.uniform(-9, 9) for _ in taken])
    size, candidates = (rng.randint(1, 40), rng.randint(1, 40), channels), rng.choice(("",) + MASKS)
    differs = rng.choice(("none", "some", "some", "nan reference", "smallest"))
    return gate("random{}".format(number), mode, size, patch, candidates, differs=differs, **rest)
