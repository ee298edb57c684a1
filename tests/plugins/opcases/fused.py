"""Cases of SeparableConv and ConcatConv: a depthwise convolution, or a Concat, and the pointwise one that reads it."""

from .convolution import ACTIVATIONS, conv
from .specs import MASKS, Skip


def inner(activation="None", params=()):
    """The attributes of the first operator's activation. params may be "per channel", as the second's."""
    found = {} if activation == "None" else {"inner_activation": activation}
    return dict(found, inner_activation_params=params) if len(params) else found


def separable(tag, size, channels, c_out, kernel=3, stride=1, dilation=1, pads=None, between=(), **rest):
    """pads as in convolution.conv. between: the first activation, (name, params)."""
    first = conv("", size, channels, channels, kernel, stride, dilation, pads, channels)
    name = "separable-{}-{}x{}-{}to{}-k{}x{}".format(tag, *size, channels, c_out, *first.attributes["kernel_shape"])
    attributes = dict(first.attributes, **inner(*between))
    return Skip(name, "SeparableConv", first.inputs, first.output[:2] + (c_out,), attributes, **rest)


def concat_conv(tag, size, channels, c_out, between=(), **rest):
    """channels: of each tensor that is joined."""
    name = "concatconv-{}-{}x{}-{}to{}".format(tag, *size, "+".join(str(c) for c in channels), c_out)
    inputs = tuple(tuple(size) + (c,) for c in channels)
    return Skip(name, "ConcatConv", inputs, tuple(size) + (c_out,), inner(*between), **rest)


SIZES = ((1, 1), (1, 2), (3, 1), (1, 7), (2, 4), (1, 17), (23, 1), (2, 33), (8, 8))
CHANNELS = (1, 3, 8, 15, 16, 17, 31, 33, 48, 64, 65, 96)

SHAPES = (
    [separable("in", (7, 6), c, 24) for c in CHANNELS]
    + [separable("out", (6, 7), 24, c) for c in CHANNELS]
    + [separable("pixels", size, 19, 21, mask="full") for size in SIZES]
    + [concat_conv("in", (7, 6), (c, 5), 24) for c in CHANNELS]
    + [concat_conv("out", (6, 7), (16, 8), c) for c in CHANNELS]
    + [concat_conv("pixels", size, (17, 16), 21, mask="full") for size in SIZES]
    + [
        concat_conv("inputs", (5, 6), channels, 18)
        for channels in ((7,), (16,), (17, 15, 1), (4, 4, 4, 4), (1, 2, 3, 4, 5), (32, 64, 1, 7, 16))
        # Of one width, or of runs of one: read where they lie.
        + ((16, 16), (32, 16), (24, 24, 24), (48, 16, 32), (64, 128), (16,) * 8, (16,) * 9)
    ]
)

KERNELS = [
    separable(tag, (13, 11), 20, 18, **shape)
    for tag, shape in (
        ("k1", dict(kernel=1)),
        ("k5", dict(kernel=5)),
        ("k7", dict(kernel=7)),
        ("k4", dict(kernel=4)),
        ("row", dict(kernel=(1, 5))),
        ("column", dict(kernel=(5, 1))),
        ("s2", dict(stride=2)),
        ("s2-tensorflow", dict(stride=2, pads=(0, 0, 1, 1))),
        ("k5s2", dict(kernel=5, stride=2)),
        ("k5s2-tensorflow", dict(kernel=5, stride=2, pads=(1, 1, 2, 2))),
        ("s2x1", dict(stride=(2, 1))),
        ("d2", dict(dilation=2)),
        ("no-pads", dict(pads=(0, 0, 0, 0))),
        ("asymmetric", dict(pads=(2, 0, 0, 1))),
        ("wide-pads", dict(pads=(4, 5, 4, 3))),
        ("k7-small-map", dict(kernel=7, dilation=3)),
    )
]

ACTIVATED = [
    make("between-{}{}".format(first[0], i), (9, 8), *channels, between=first, activation=activation, params=params)
    for i, (first, (activation, params)) in enumerate(zip(ACTIVATIONS, ACTIVATIONS[5:] + ACTIVATIONS[:5]))
    for make, channels in ((separable, (19, 21)), (concat_conv, ((17, 8), 33)))
]

RESIDUAL = [
    make(
        "residual-{}-{}-c{}".format(residual, activation, cell),
        (9, 7),
        *channels,
        between=between,
        activation=activation,
        params=params,
        residual=residual,
        patch=4,
        cell=cell,
        **rest,
    )
    for residual in ("before", "after")
    for activation, params in (("None", ()), ("SiLU", ()), ("PRelu", "per channel"))
    for cell in (0, 2)
    for make, channels, between, rest in (
        (separable, (19, 21), ("PRelu", "per channel"), dict(kernel=5)),
        (separable, (16, 32), ("Relu", ()), dict(stride=2, pads=(0, 0, 1, 1))),
        (concat_conv, ((9, 8), 18), (), {}),
    )
]

# Patches at the border, patches larger than the map, every mask.
MASKED = [
    make("{}-p{}".format(mask.replace(" ", "-"), patch), (17, 19), *channels, mask=mask, patch=patch, **rest)
    for mask in MASKS
    for patch in (1, 2, 3, 8, 40)
    for make, channels, rest in (
        (separable, (20, 17), dict(between=("SiLU", ()))),
        (separable, (16, 24), dict(kernel=5, stride=2)),
        (concat_conv, ((12, 5), 17), dict(activation="SiLU")),
        (concat_conv, ((32, 16), 17), dict(activation="SiLU")),
    )
]

GATED = [
    make("gated-p{}-c{}-{}-{}".format(patch, cell, cache, mask), (25, 22), *channels, patch=patch, cell=cell, **rest)
    for patch, cell in ((1, 1), (2, 1), (4, 2), (8, 8))
    for cache, mask in (("random", "random"), ("random", "full"), ("nan", "random"))
    for make, channels, rest in (
        (separable, (20, 33), dict(cache=cache, mask=mask, activation="SiLU", between=("SiLU", ()))),
        (concat_conv, ((16, 9), 18), dict(cache=cache, mask=mask, activation="Relu")),
        (concat_conv, ((16, 16), 33), dict(cache=cache, mask=mask, activation="Relu")),
    )
]

LARGE = [
    separable("large", (48, 40), 96, 40, patch=4, between=("SiLU", ()), activation="SiLU"),
    separable("large-s2", (48, 40), 64, 128, stride=2, patch=2, between=("Relu", ())),
    separable("large-gated", (40, 36), 48, 96, kernel=5, patch=4, cell=2, activation="HardSwish"),
    concat_conv("large", (40, 36), (64, 64), 96, patch=4, activation="SiLU"),
    concat_conv("large-reduction", (24, 17), (512, 256, 384), 65, patch=1),
    # Weights that threads share, as convolution.HEAVY.
    concat_conv("heavy", (12, 13), (200, 56, 100), 256, patch=1, activation="SiLU"),
    concat_conv("heavy-gated", (13, 12), (256, 16), 300, patch=2, cell=2, activation="Relu"),
    concat_conv("heavy-runs", (12, 13), (64, 128, 64), 256, patch=1, activation="SiLU"),
    separable("heavy", (12, 13), 260, 256, patch=2),
]

# Enough pixels for the tiles of the GPU's matrix products.
TILED = [
    separable("tiled", (33, 32), 16, 64, patch=4, between=("Relu", ()), activation="SiLU"),
    separable("tiled", (64, 33), 8, 32, patch=2),
    concat_conv("tiled", (33, 32), (8, 16), 64, patch=4, activation="SiLU"),
    concat_conv("tiled", (33, 32), (12, 4, 20), 72, patch=2),
    concat_conv("tiled", (33, 65), (5, 8), 24, patch=4),
]

CASES = SHAPES + KERNELS + ACTIVATED + RESIDUAL + MASKED + GATED + LARGE + TILED
