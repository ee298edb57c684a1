"""Cases of DeformConv: with and without a mask, both kinds of groups, kernels, taps moved out of the tensor."""

from .convolution import ACTIVATIONS, conv
from .specs import MASKS


def deform(tag, size, c_in, c_out, kernel=3, group=1, offset_group=1, weighted=True, far=False, **rest):
    """The rest as in convolution.conv. weighted: is there a mask? far: are offsets as large as the tensor?"""
    plain = conv("", size, c_in, c_out, kernel, group=group, **rest)
    kernel, output = plain.attributes["kernel_shape"], plain.output[:2]
    taps = kernel[0] * kernel[1] * offset_group
    name = "deform-{}-{}x{}-{}to{}-k{}x{}".format(tag, *size, c_in, c_out, *kernel)
    inputs = plain.inputs + (output + (2 * taps,),) + ((output + (taps,),) if weighted else ())
    attributes = dict(plain.attributes, offset_group=offset_group)
    return plain._replace(name=name, op_type="DeformConv", inputs=inputs, attributes=attributes, far=far)


CHANNELS = (1, 3, 4, 8, 15, 16, 17, 33, 64, 65)

SHAPES = (
    [deform("in", (7, 6), c, 16) for c in CHANNELS]
    + [deform("out", (5, 7), 16, c, weighted=False) for c in CHANNELS]
    + [deform("pixels", size, 8, 24, mask="full") for size in ((1, 1), (1, 2), (3, 1), (1, 17), (5, 5), (12, 13))]
    + [
        deform("groups{}x{}{}".format(group, offset_group, "" if weighted else "-unweighted"), (6, 7), c_in, c_out,
               group=group, offset_group=offset_group, weighted=weighted)
        for group, offset_group, c_in, c_out in (
            (2, 1, 16, 24),
            (1, 2, 16, 24),
            (1, 4, 12, 17),
            (2, 3, 12, 10),
            (3, 2, 24, 33),
            (4, 4, 32, 16),
            (5, 5, 5, 10),
            (1, 3, 3, 8),
        )
        for weighted in (True, False)
    ]
)  # fmt: skip

KERNELS = [
    deform(tag, (13, 11), 8, 18, **shape)
    for tag, shape in (
        ("k1", dict(kernel=1)),
        ("k5", dict(kernel=5)),
        ("k4", dict(kernel=4, weighted=False)),
        ("row", dict(kernel=(1, 3))),
        ("column", dict(kernel=(3, 1))),
        ("s2", dict(stride=2)),
        ("s2-tensorflow", dict(stride=2, pads=(0, 0, 1, 1))),
        ("s2x1", dict(stride=(2, 1))),
        ("d2", dict(dilation=2)),
        ("d3x1-s2", dict(dilation=(3, 1), stride=2, offset_group=2)),
        ("no-pads", dict(pads=(0, 0, 0, 0))),
        ("asymmetric", dict(pads=(2, 0, 0, 1))),
        ("wide-pads", dict(pads=(4, 5, 4, 3))),
        ("far", dict(far=True)),
        ("far-unweighted", dict(far=True, weighted=False)),
        ("far-groups", dict(far=True, group=2, offset_group=4, kernel=2)),
    )
]

ACTIVATED = [
    deform("act-{}{}".format(activation, i), (9, 8), 12, 21, activation=activation, params=params)
    for i, (activation, params) in enumerate(ACTIVATIONS)
]

RESIDUAL = [
    deform("residual-{}-{}".format(residual, activation), (9, 7), 12, 20, weighted=weighted, cell=cell, patch=4,
           activation=activation, params=params, residual=residual)
    for residual in ("before", "after")
    for activation, params, weighted, cell in (
        ("None", (), True, 0),
        ("Relu", (), False, 2),
        ("SiLU", (), False, 0),
        ("PRelu", "per channel", True, 2),
    )
]  # fmt: skip

MASKED = [
    deform("{}-p{}".format(mask.replace(" ", "-"), patch), (17, 19), 8, 18, mask=mask, patch=patch)
    for mask in MASKS
    for patch in (1, 2, 3, 8, 40)
]

GATED = [
    deform("gated-p{}-c{}-{}".format(patch, cell, cache), (25, 22), 6, 33, patch=patch, cell=cell, cache=cache)
    for patch, cell in ((1, 1), (2, 1), (4, 2), (8, 8))
    for cache in ("random", "nan")
]

# Enough work for every thread, and pixels for the tiles of the GPU's matrix products.
LARGE = [
    deform("large", (40, 36), 48, 64, patch=4, activation="Relu"),
    deform("large-reduction", (9, 8), 256, 65, patch=1),
    deform("tiled", (33, 32), 8, 64, patch=4),
    deform("tiled-groups", (33, 32), 16, 128, group=2, offset_group=2, patch=2, mask="full"),
    deform("tiled", (65, 33), 4, 16, patch=4, residual="after"),
]

CASES = SHAPES + KERNELS + ACTIVATED + RESIDUAL + MASKED + GATED + LARGE
