"""Cases of PatchSkip's operators without weights: pools, Resize, Add, Mul, Concat, Image, Flatten, Planes, ..."""

from .convolution import ACTIVATIONS, pair
from .specs import MASKS, Skip


def pool(op_type, tag, size, channels, kernel, stride, pads=(0, 0, 0, 0), dilation=None, ceil=0, count=None, **rest):
    kernel, stride = pair(kernel), pair(stride)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, pair(dilation or 1))]
    output = tuple(
        (n + pads[i] + pads[i + 2] - spans[i] + ceil * (stride[i] - 1)) // stride[i] + 1 for i, n in enumerate(size)
    )
    attributes = {"kernel_shape": kernel, "strides": stride, "pads": pads}
    if dilation:
        attributes["dilations"] = pair(dilation)
    if count is not None:
        attributes["count_include_pad"] = count
    name = "{}-{}-{}x{}x{}".format(op_type, tag, *size, channels)
    return Skip(name, op_type, (tuple(size) + (channels,),), output + (channels,), attributes, **rest)


def pools():
    shapes = (
        ("k2s2", dict(kernel=2, stride=2)),
        ("k3s2", dict(kernel=3, stride=2, pads=(1, 1, 1, 1))),
        ("k3s2-ceil", dict(kernel=3, stride=2, ceil=1)),
        ("k2s2-ceil", dict(kernel=2, stride=2, ceil=1)),
        ("k3s2-ceil-pads", dict(kernel=3, stride=2, pads=(0, 0, 1, 1), ceil=1)),
        ("k3x1", dict(kernel=(3, 1), stride=1, pads=(1, 0, 1, 0))),
        ("k5-asymmetric", dict(kernel=5, stride=(1, 2), pads=(3, 0, 1, 2))),
    )
    for tag, shape in shapes:
        for channels in (1, 5, 16, 17, 40):
            size = (12, 11)
            if not (shape.get("ceil") and shape.get("pads")):
                yield pool("MaxPool", tag, size, channels, **shape)
            yield pool("AveragePool", tag, size, channels, count=0, **shape)
            yield pool("AveragePool", tag + "-count", size, channels, count=1, **shape)
    for channels in (4, 33):
        for kernel in (5, 9, 13):
            edge = kernel // 2
            yield pool("MaxPool", "k{}s1".format(kernel), (15, 18), channels, kernel, 1, (edge,) * 4)
            yield pool("AveragePool", "k{}s1".format(kernel), (15, 18), channels, kernel, 1, (edge,) * 4)
        yield pool("MaxPool", "k13-beyond-map", (4, 5), channels, 13, 1, (6,) * 4)
        yield pool("MaxPool", "d2", (13, 12), channels, 3, 1, (2, 2, 2, 2), dilation=2)
        yield pool("MaxPool", "d2x1s2", (13, 12), channels, 3, 2, (2, 1, 2, 1), dilation=(2, 1))
        yield pool("AveragePool", "whole", (6, 7), channels, (6, 7), 1)
    for op_type in ("MaxPool", "AveragePool"):
        for channels in (4, 33, 80):
            yield pool(op_type, "whole", (13, 11), channels, (13, 11), 1)
        yield pool(op_type, "activation", (9, 8), 18, 3, 1, (1, 1, 1, 1), activation="Relu")
        for cell in (1, 2):
            yield pool(op_type, "gated-c{}".format(cell), (19, 17), 18, 3, 1, (1, 1, 1, 1), patch=4, cell=cell)


def resize(tag, size, output, channels, mode, coordinates, rounding=None, **rest):
    attributes = {"mode": mode, "coordinate_transformation_mode": coordinates}
    if rounding:
        attributes["nearest_mode"] = rounding
    name = "resize-{}-{}-{}-{}x{}to{}x{}x{}{}".format(
        mode, coordinates, rounding or "default", *size, *output, channels, tag
    )
    return Skip(name, "Resize", (tuple(size) + (channels,),), tuple(output) + (channels,), attributes, **rest)


RESIZES = (
    ((5, 6), (10, 12)),
    ((4, 3), (16, 12)),
    ((6, 7), (9, 11)),
    ((9, 8), (4, 5)),
    ((12, 10), (6, 5)),
    ((1, 4), (3, 1)),
    ((10, 9), (30, 7)),
)


def resizes():
    for i, (size, output) in enumerate(RESIZES):
        for coordinates in ("asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"):
            yield resize("", size, output, (3, 16, 17, 40)[i % 4], "linear", coordinates)
            for rounding in ("floor", "round_prefer_floor", "round_prefer_ceil", "ceil"):
                yield resize("", size, output, (16, 17, 40, 3)[i % 4], "nearest", coordinates, rounding)
    yield resize("-defaults", (5, 4), (10, 8), 8, "nearest", "half_pixel")
    yield resize("-activation", (5, 4), (10, 8), 9, "linear", "half_pixel", activation="Relu")
    for mode in ("nearest", "linear"):
        yield resize("-gated", (9, 10), (18, 20), 19, mode, "asymmetric", patch=4, cell=2)
    for channels in (1, 2, 3, 4, 5):  # of pictures; a patch of another side than a power of two
        yield resize("", (10, 15), (16, 24), channels, "linear", "half_pixel", patch=8)
        yield resize("-gated", (16, 12), (20, 15), channels, "linear", "half_pixel", patch=5, cell=5)
        yield resize("", (6, 1), (12, 2), channels, "linear", "half_pixel")  # a row is shorter than a vector


def pointwise(op_type, tag, size, channels, operands=1, attributes=None, **rest):
    shape = tuple(size) + (channels,)
    name = "{}-{}-{}x{}x{}".format(op_type, tag, *shape)
    return Skip(name, op_type, (shape,) * operands, shape, attributes or {}, **rest)


def pointwises():
    for op_type, operands in (("Add", 2), ("Mul", 2), ("Identity", 1)):
        for channels in (1, 3, 8, 15, 16, 17, 33, 64, 65):
            yield pointwise(op_type, "channels", (7, 6), channels, operands)
        for i, (activation, params) in enumerate(ACTIVATIONS):
            yield pointwise(
                op_type, "{}{}".format(activation, i), (6, 7), 19, operands, activation=activation, params=params
            )
        for patch, cell in ((1, 1), (2, 2), (4, 1), (4, 2), (8, 8)):
            yield pointwise(
                op_type, "gated-p{}-c{}".format(patch, cell), (19, 18), 12, operands, patch=patch, cell=cell
            )
        yield pointwise(op_type, "gated-nan", (9, 10), 12, operands, patch=2, cell=1, cache="nan")
    for mask in MASKS:
        for patch in (1, 3, 4, 16):
            for in_place in (0, 1):
                tag = "{}-p{}-{}".format(mask.replace(" ", "-"), patch, in_place)
                yield pointwise("Identity", tag, (13, 18), 5, mask=mask, patch=patch, in_place=in_place)
    yield pointwise("Add", "large", (64, 60), 32, 2, patch=4)


def concat(tag, size, channels, **rest):
    name = "concat-{}-{}x{}-{}".format(tag, *size, "+".join(str(c) for c in channels))
    inputs = tuple(tuple(size) + (c,) for c in channels)
    return Skip(name, "Concat", inputs, tuple(size) + (sum(channels),), {}, **rest)


def channel_map(tag, size, c_in, channels, **rest):
    name = "channelmap-{}-{}x{}x{}".format(tag, *size, c_in)
    return Skip(
        name,
        "ChannelMap",
        (tuple(size) + (c_in,),),
        tuple(size) + (len(channels),),
        {"channels": tuple(channels)},
        **rest,
    )


def rearrangements():
    for channels in (
        (1, 1),
        (3, 5),
        (16, 16),
        (17, 15, 1),
        (8, 24, 8),
        (4, 4, 4, 4),
        (1, 2, 3, 4, 5),
        (32, 64, 1, 7, 16),
    ):
        yield concat("channels", (7, 6), channels)
    yield concat("activation", (5, 7), (9, 8), activation="HardSwish")
    yield concat("gated", (18, 17), (9, 8, 3), patch=4, cell=2)
    yield channel_map("identity", (5, 6), 17, range(17))
    yield channel_map("shuffle", (5, 6), 16, [c % 2 * 8 + c // 2 for c in range(16)])
    yield channel_map("even", (6, 5), 48, range(0, 48, 2))
    yield channel_map("upper-half", (6, 5), 48, range(24, 48))
    yield channel_map("reversed", (6, 5), 13, range(12, -1, -1))
    yield channel_map("padded", (6, 5), 5, [-1, 0, 1, 2, 3, 4, -1, -1, -1])
    yield channel_map("holes", (6, 5), 24, [c if c % 3 else -1 for c in range(24)])
    yield channel_map("repeated", (6, 5), 3, [0, 0, 2, 1, 2, -1, 0])
    yield channel_map("only-zero", (6, 5), 3, [-1, -1])
    yield channel_map("activation", (6, 5), 4, [3, -1, 0, 1], activation="Sigmoid")
    yield channel_map("gated", (18, 17), 20, list(range(5, 20)), patch=4, cell=2)


def image(tag, size, c_in, layout, dtype, channels=None, scale=None, bias=None, **rest):
    attributes = {"layout": layout}
    for key, value in (("channels", channels), ("scale", scale), ("bias", bias)):
        if value is not None:
            attributes[key] = tuple(value)
    name = "image-{}-{}-{}-{}x{}x{}".format(tag, layout, dtype, *size, c_in)
    c_out = len(channels) if channels is not None else c_in
    return Skip(name, "Image", (tuple(size) + (c_in,),), tuple(size) + (c_out,), attributes, dtype=dtype, **rest)


# Scales and biases that a fused multiply-add would round differently from a multiplication and an addition.
IMAGENET = dict(scale=(1 / 58.395, 1 / 57.12, 1 / 57.375), bias=(-123.675 / 58.395, -116.28 / 57.12, -103.53 / 57.375))


def images():
    for layout, dtype in (("NCHW", "float32"), ("NHWC", "float32"), ("NHWC", "uint8")):
        yield image("plain", (17, 19), 3, layout, dtype)
        yield image("swapped", (17, 19), 3, layout, dtype, channels=(2, 1, 0))
        yield image("scaled", (17, 19), 3, layout, dtype, scale=(1 / 255, 1 / 128, 1 / 3))
        yield image("biased", (17, 19), 3, layout, dtype, bias=(-1.5, 0.1, 127.5))
        yield image("normalised", (33, 31), 3, layout, dtype, channels=(2, 1, 0), **IMAGENET)
        yield image("one-channel", (9, 8), 1, layout, dtype, scale=(1 / 255,))
        yield image("two-of-five", (9, 8), 5, layout, dtype, channels=(4, 1), scale=(0.1, 0.3), bias=(0.7, -0.9))
        yield image("gated", (32, 33), 3, layout, dtype, patch=8, cell=4, **IMAGENET)
        for mask in MASKS:
            yield image("mask-" + mask.replace(" ", "-"), (33, 35), 3, layout, dtype, mask=mask, patch=16, **IMAGENET)


def flatten(tag, sizes, channels, **rest):
    name = "flatten-{}-{}-{}".format(tag, "+".join("{}x{}".format(*size) for size in sizes), channels)
    inputs = tuple(tuple(size) + (channels,) for size in sizes)
    return Skip(name, "Flatten", inputs, (1, sum(h * w for h, w in sizes), channels), {}, **rest)


def flattens():
    yield flatten("one", [(7, 5)], 6, patch=2)
    for mask in MASKS:
        for patch in (1, 2, 4):
            tag = "{}-p{}".format(mask.replace(" ", "-"), patch)
            yield flatten(tag, [(12, 16), (6, 8), (3, 4)], 5, mask=mask, patch=patch)
            yield flatten(tag + "-odd", [(13, 17), (7, 9), (4, 5)], 17, mask=mask, patch=patch)
    yield flatten("not-nested", [(9, 10), (5, 4), (2, 3)], 16, patch=2)
    yield flatten("growing", [(4, 5), (8, 11)], 3, patch=1)
    yield flatten("activation", [(8, 8), (4, 4)], 9, patch=2, activation="Sigmoid")


def plane(tag, size, channels, **rest):
    name = "planes-{}-{}x{}x{}".format(tag, *size, channels)
    shape = tuple(size) + (channels,)
    return Skip(name, "Planes", (shape,), shape, {}, **rest)


def planes():
    for channels in (1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 31, 32, 33, 128, 200):
        yield plane("channels", (7, 9), channels)
    for size in ((1, 1), (1, 9), (9, 1), (3, 2), (4, 4), (8, 16), (5, 3), (17, 13)):
        for patch in (1, 3, 4, 8):
            yield plane("p{}".format(patch), size, 6, patch=patch)
    for mask in MASKS:
        for patch in (1, 2, 4, 16):
            for in_place in (0, 1):
                tag = "{}-p{}-{}".format(mask.replace(" ", "-"), patch, in_place)
                yield plane(tag, (13, 18), 19, mask=mask, patch=patch, in_place=in_place)
    for i, (activation, params) in enumerate(ACTIVATIONS):
        yield plane("{}{}".format(activation, i), (6, 7), 19, activation=activation, params=params)
    yield plane("large", (48, 60), 72, patch=4, mask="full")
    yield plane("large-activation", (48, 60), 72, patch=4, activation="PRelu", params="per channel")


CASES = (
    list(pools())
    + list(resizes())
    + list(pointwises())
    + list(rearrangements())
    + list(images())
    + list(flattens())
    + list(planes())
)
