"""Cases of Conv and ConvTranspose: shapes by their relation to the tile, kernels, activations, residuals, gates."""

from .specs import MASKS, Skip

CHANNELS = (1, 3, 4, 5, 8, 15, 16, 17, 31, 32, 33, 48, 64, 65, 80, 128)

ACTIVATIONS = (
    ("None", ()),
    ("Relu", ()),
    ("Clip", (0.0, 6.0)),
    ("Clip", (-0.25, 0.75)),
    ("LeakyRelu", (0.125,)),
    ("LeakyRelu", (-0.5,)),
    ("PRelu", (0.25,)),
    ("PRelu", "per channel"),
    ("SiLU", ()),
    ("HardSwish", ()),
    ("HardSigmoid", (0.2, 0.5)),
    ("HardSigmoid", (1 / 6, 0.5)),
    ("Sigmoid", ()),
)


def pair(value):
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


def conv(tag, size, c_in, c_out, kernel=3, stride=1, dilation=1, pads=None, group=1, **rest):
    """pads: (begin y, begin x, end y, end x), or None for those that keep the size at stride 1."""
    kernel, stride, dilation = pair(kernel), pair(stride), pair(dilation)
    reach = [(k - 1) * d for k, d in zip(kernel, dilation)]
    if pads is None:
        pads = tuple(r // 2 for r in reach) + tuple(r - r // 2 for r in reach)
    output = tuple((n + pads[i] + pads[i + 2] - reach[i] - 1) // stride[i] + 1 for i, n in enumerate(size))
    attributes = {
        "kernel_shape": kernel,
        "strides": stride,
        "dilations": dilation,
        "pads": pads,
        "group": group,
    }
    name = "conv-{}-{}x{}-{}to{}-k{}x{}".format(tag, *size, c_in, c_out, *kernel)
    return Skip(name, "Conv", (tuple(size) + (c_in,),), output + (c_out,), attributes, **rest)


def depthwise(tag, size, channels, multiplier=1, **rest):
    return conv("depthwise-" + tag, size, channels, channels * multiplier, group=channels, **rest)


def transpose(tag, size, c_in, c_out, kernel, stride, pads=(0, 0, 0, 0), output_padding=0, group=1, dilation=1, **rest):
    kernel, stride, dilation = pair(kernel), pair(stride), pair(dilation)
    output = tuple(
        (n - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 + pair(output_padding)[i] - pads[i] - pads[i + 2]
        for i, n in enumerate(size)
    )
    attributes = {
        "kernel_shape": kernel,
        "strides": stride,
        "dilations": dilation,
        "pads": pads,
        "group": group,
    }
    name = "transpose-{}-{}x{}-{}to{}-k{}x{}".format(tag, *size, c_in, c_out, *kernel)
    return Skip(name, "ConvTranspose", (tuple(size) + (c_in,),), output + (c_out,), attributes, **rest)


# Channels and pixels: less than, equal to, more than and prime to any tile.
SHAPES = (
    [conv("in", (7, 6), c, 16) for c in CHANNELS]
    + [conv("out", (5, 7), 16, c) for c in CHANNELS if c != 16]
    + [conv("in", (7, 9), c, 24, kernel=1) for c in CHANNELS]
    + [conv("out", (6, 9), 24, c, kernel=1) for c in CHANNELS]
    + [depthwise("channels", (7, 6), c) for c in CHANNELS]
    + [depthwise("multiplier", (6, 5), c, 2) for c in (1, 3, 4, 8, 15, 16, 17, 24)]
    + [
        conv("group", (5, 6), g * i, g * o, group=g)
        for g in (2, 3)
        for i, o in ((1, 2), (3, 5), (4, 4), (5, 3), (8, 16), (16, 8), (17, 15), (32, 33))
    ]
    + [conv("group-pointwise", (5, 6), 2 * c, 2 * c, kernel=1, group=2) for c in (3, 16, 29)]
    + [
        conv("pixels", size, 8, 16, mask="full")
        for size in (
            (1, 1),
            (1, 2),
            (3, 1),
            (1, 7),
            (2, 4),
            (3, 3),
            (1, 13),
            (4, 4),
            (5, 5),
            (1, 17),
            (23, 1),
            (7, 7),
            (8, 8),
        )
    ]
    + [
        conv("pixels", size, 16, 48, kernel=1, mask="full")
        for size in ((1, 1), (1, 3), (1, 5), (2, 3), (1, 7), (2, 4), (3, 3), (1, 11), (1, 13), (4, 4), (1, 31), (7, 7))
    ]
    + [
        depthwise("pixels", size, 16, mask="full")
        for size in ((1, 1), (1, 2), (3, 1), (1, 7), (2, 4), (3, 3), (1, 13), (5, 5), (1, 17), (23, 1), (8, 8))
    ]
)

KERNELS = [
    make(tag, (13, 11), *channels, **shape)
    for make, channels in ((conv, (5, 18)), (depthwise, (20,)))
    for tag, shape in (
        ("k5", dict(kernel=5)),
        ("k7", dict(kernel=7)),
        ("k6s2", dict(kernel=6, stride=2, pads=(2, 2, 2, 2))),
        ("k4", dict(kernel=4)),
        ("k2s2", dict(kernel=2, stride=2, pads=(0, 0, 0, 0))),
        ("row", dict(kernel=(1, 3))),
        ("column", dict(kernel=(3, 1))),
        ("column-stride", dict(kernel=(5, 1), stride=(2, 1))),
        ("s2", dict(stride=2)),
        ("s2-tensorflow", dict(stride=2, pads=(0, 0, 1, 1))),
        ("s3", dict(stride=3)),
        ("s2x1", dict(stride=(2, 1))),
        ("pointwise-s2", dict(kernel=1, stride=2)),
        ("pointwise-padded", dict(kernel=1, pads=(1, 0, 2, 1))),
        ("d2", dict(dilation=2)),
        ("d3x1-s2", dict(dilation=(3, 1), stride=2)),
        ("no-pads", dict(pads=(0, 0, 0, 0))),
        ("asymmetric", dict(pads=(2, 0, 0, 1))),
        ("wide-pads", dict(pads=(4, 5, 4, 3))),
        ("k7-small-map", dict(kernel=7, dilation=3)),
    )
]

ACTIVATED = [
    make("act-{}{}".format(activation, i), (9, 8), *channels, activation=activation, params=params, **rest)
    for i, (activation, params) in enumerate(ACTIVATIONS)
    for make, channels, rest in (
        (conv, (7, 21), dict(kernel=3)),
        (conv, (24, 32), dict(kernel=1)),
        (depthwise, (19,), dict(kernel=3)),
        (transpose, (6, 17), dict(kernel=4, stride=2, pads=(1, 1, 1, 1))),
    )
]

RESIDUAL = [
    make(
        "residual-{}-{}".format(residual, activation),
        (9, 7),
        *channels,
        activation=activation,
        params=params,
        residual=residual,
        **rest,
    )
    for residual in ("before", "after")
    for activation, params in (("None", ()), ("Relu", ()), ("SiLU", ()), ("PRelu", "per channel"))
    for make, channels, rest in (
        (conv, (12, 21), dict(kernel=3)),
        (conv, (24, 32), dict(kernel=1, cell=1)),
        (conv, (12, 22), dict(kernel=3, group=2)),
        (depthwise, (19,), dict(kernel=5, stride=2)),
        (transpose, (5, 17), dict(kernel=2, stride=2)),
    )
]

TRANSPOSED = [
    transpose(tag, (7, 6), c_in, c_out, group=group, **shape)
    for c_in, c_out, group in ((3, 17, 1), (16, 32, 1), (33, 5, 1), (19, 19, 19), (16, 16, 16), (8, 12, 2), (5, 10, 5))
    for tag, shape in (
        ("k4s2-g{}".format(group), dict(kernel=4, stride=2, pads=(1, 1, 1, 1))),
        ("k2s2-g{}".format(group), dict(kernel=2, stride=2)),
        ("k8s4-g{}".format(group), dict(kernel=8, stride=4, pads=(2, 2, 2, 2))),
        ("k3s2-g{}".format(group), dict(kernel=3, stride=2, pads=(1, 1, 1, 1), output_padding=1)),
        ("k3s1-g{}".format(group), dict(kernel=3, stride=1, pads=(1, 1, 1, 1))),
        ("k2s3-g{}".format(group), dict(kernel=2, stride=3, output_padding=(1, 0))),
        ("k3x2s2x1-g{}".format(group), dict(kernel=(3, 2), stride=(2, 1), pads=(0, 1, 1, 0))),
        ("k3s2d2-g{}".format(group), dict(kernel=3, stride=2, dilation=2, pads=(2, 1, 1, 2))),
    )
]

# Every mask, patch side and memory.
MASKED = [
    make(
        "{}-p{}-{}".format(mask.replace(" ", "-"), patch, "inplace" if in_place else "copied"),
        size,
        *channels,
        mask=mask,
        patch=patch,
        in_place=in_place,
        **rest,
    )
    for i, mask in enumerate(MASKS)
    for j, patch in enumerate((1, 2, 3, 4, 8, 16, 40))
    for make, size, channels, rest, in_place in (
        (conv, (17, 19), (6, 18), dict(kernel=3), (i + j) % 2),
        (conv, (19, 17), (8, 16), dict(kernel=1), (i + j + 1) % 2),
        (depthwise, (17, 19), (20,), dict(kernel=3), (i + j) % 2),
        (transpose, (9, 8), (5, 9), dict(kernel=4, stride=2, pads=(1, 1, 1, 1)), (i + j + 1) % 2),
    )
]

GATED = [
    make(
        "gated-p{}-c{}-{}-{}".format(patch, cell, cache, mask),
        size,
        *channels,
        patch=patch,
        cell=cell,
        cache=cache,
        mask=mask,
        in_place=in_place,
        activation="SiLU",
        **rest,
    )
    for patch, cell in ((1, 1), (2, 1), (2, 2), (3, 1), (3, 3), (4, 2), (4, 4), (8, 2), (8, 4), (8, 8), (16, 8))
    for cache, mask, in_place in (("random", "random", 1), ("random", "full", 0), ("nan", "random", 1))
    for make, size, channels, rest in (
        (conv, (25, 22), (6, 18), dict(kernel=3)),
        (conv, (22, 25), (8, 33), dict(kernel=1)),
        (depthwise, (25, 22), (20,), dict(kernel=3)),
        (transpose, (12, 11), (5, 9), dict(kernel=4, stride=2, pads=(1, 1, 1, 1))),
    )
]

# The gate's weights, with PRelu's slopes before them where a kernel has both packed.
WEIGHTED = [
    make(
        "weights-{}-{}-p{}-c{}".format(*(word.replace(" ", "-") for word in (weights, cache)), patch, cell),
        size,
        *channels,
        patch=patch,
        cell=cell,
        weights=weights,
        cache=cache,
        **rest,
    )
    for weights, cache in (
        ("ones", "random"),
        ("some zero", "random"),
        ("some zero", "nan unweighted"),
        ("zero", "random"),
        ("zero", "nan unweighted"),
    )
    for patch, cell in ((1, 1), (4, 1), (4, 2), (8, 8))
    for make, size, channels, rest in (
        (conv, (25, 22), (6, 18), dict(kernel=3, activation="PRelu", params="per channel")),
        (conv, (22, 25), (8, 33), dict(kernel=1, activation="SiLU")),
        (conv, (22, 25), (8, 32), dict(kernel=1, residual="after")),
        (depthwise, (25, 22), (20,), dict(kernel=3)),
    )
]

# Enough work for every thread.
LARGE = [
    conv("large", (40, 36), 48, 64, patch=2),
    conv("large-s2", (48, 40), 24, 96, stride=2, patch=4, activation="SiLU"),
    conv("large-gated", (40, 36), 64, 96, kernel=1, patch=4, cell=2, activation="SiLU"),
    conv("large-first-layer", (64, 80), 3, 16, stride=2, patch=8, activation="Relu"),
    conv("large-reduction", (12, 13), 512, 33, patch=1),
    conv("large-pointwise-reduction", (24, 17), 1152, 65, kernel=1, patch=1),
    depthwise("large", (48, 40), 96, kernel=5, patch=4, activation="HardSwish"),
    depthwise("large-gated", (48, 40), 64, patch=4, cell=2, activation="SiLU"),
    transpose("large", (20, 24), 32, 40, 4, 2, (1, 1, 1, 1), patch=4),
]

# Enough pixels for the tiles of the GPU's matrix products, which are 64 or 128 pixels by 16, 32 or 64 channels.
TILED = [
    conv("tiled", (33, 32), 12, 64, kernel=1, patch=4),
    conv("tiled", (33, 32), 8, 65, patch=2, activation="SiLU"),
    conv("tiled", (32, 33), 8, 128, kernel=1, patch=8, residual="before"),
    conv("tiled-group", (33, 32), 16, 128, group=2, patch=4, mask="full"),
    conv("tiled", (25, 33), 12, 96, kernel=1, patch=4, activation="PRelu", params="per channel"),
    conv("tiled", (33, 65), 4, 31, patch=1),
    conv("tiled", (64, 33), 8, 32, patch=3, mask="checkerboard"),
    conv("tiled", (65, 33), 4, 16, patch=4, residual="after"),
    conv("tiled", (64, 33), 12, 13, kernel=1, patch=2),
    conv("tiled", (65, 33), 3, 32, stride=2, patch=1),
    conv("tiled-first-layer", (128, 66), 3, 32, stride=2, patch=8),
    conv("tiled", (64, 33), 5, 16, patch=4),
    transpose("tiled", (17, 16), 8, 64, 4, 2, (1, 1, 1, 1), patch=4, activation="Relu"),
    transpose("tiled", (17, 16), 12, 100, 3, 2, (1, 1, 1, 1), output_padding=1, patch=2),
]

# 3x3, stride 1, 16 channels or more: what may be computed in squares of two by two outputs. Sizes that cut squares and
# patches, patches smaller than squares, more squares than are computed at a time, channels about vectors and blocks.
SQUARES = (
    [
        conv("squares-p{}".format(patch), size, 16, 17, patch=patch, mask=mask, pads=pads)
        for patch, mask in ((2, "random"), (4, "full"), (6, "random"), (16, "full"))
        for size, pads in (
            ((1, 1), (1, 1, 1, 1)),
            ((2, 3), (1, 1, 1, 1)),
            ((9, 8), (1, 1, 1, 1)),
            ((8, 9), (0, 0, 0, 0)),
            ((7, 10), (2, 1, 0, 1)),
            ((10, 11), (0, 2, 1, 2)),
        )
    ]
    + [conv("squares", (9, 11), *channels, patch=4) for channels in ((17, 16), (31, 33), (64, 64), (96, 65), (40, 130))]
    + [
        conv("squares-{}".format(mask), (23, 26), 24, 40, patch=2, mask=mask)
        for mask in ("full", "checkerboard", "random")
    ]
    + [
        conv("squares-pixels-{}-{}".format(mask, i), size, 16, 18, patch=1, mask=mask, in_place=i, **rest)
        for mask in ("full", "checkerboard", "random", "single", "empty")
        for size in ((24, 26), (25, 27))
        for i, rest in ((0, dict(activation="Relu")), (1, dict(activation="SiLU", residual="after")))
    ]
    + [
        conv("squares-pixels-gated-{}".format(weights or "none"), (25, 27), 20, 33, patch=1, cell=1, weights=weights)
        for weights in ("", "some zero")
    ]
    + [conv("squares-deep", (8, 10), 300, 64, patch=2, mask="full")]
    + [
        conv(
            "squares-{}-{}".format(residual, activation),
            (11, 10),
            20,
            36,
            patch=2,
            residual=residual,
            activation=activation,
            **rest,
        )
        for residual in ("none", "before", "after")
        for activation, rest in (("Relu", {}), ("SiLU", {}), ("PRelu", dict(params="per channel")))
    ]
    + [
        conv("squares-gated-{}".format(i), (13, 14), 24, 32, patch=4, cell=2, activation="SiLU", in_place=i)
        for i in (0, 1)
    ]
)

# 65536 weights or more: threads may share them, each with some of the output channels, in even and uneven parts.
HEAVY = [
    make(
        "heavy-p{}{}-{}".format(patch, "-gated" if cell else "", mask),
        size,
        *channels,
        patch=patch,
        cell=cell,
        mask=mask,
        **rest,
    )
    for patch, cell in ((1, 0), (1, 1), (2, 0), (4, 2))
    for mask in ("random", "single")
    for make, size, channels, rest in (
        (conv, (24, 23), (64, 128), dict(activation="SiLU", residual="before")),
        (conv, (9, 10), (40, 200), dict(activation="Relu")),
        (conv, (13, 12), (240, 300), dict(kernel=1, activation="PRelu", params="per channel", residual="after")),
        (conv, (12, 18), (96, 96), dict(stride=2)),
        (transpose, (6, 7), (64, 72), dict(kernel=4, stride=2, pads=(1, 1, 1, 1), activation="SiLU")),
    )
]

CASES = (
    SQUARES + SHAPES + KERNELS + ACTIVATED + RESIDUAL + TRANSPOSED + MASKED + GATED + WEIGHTED + LARGE + TILED + HEAVY
)
