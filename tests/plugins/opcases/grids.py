"""Cases by the number of patches, channels and pixels, by which a GPU's warps, words of a mask and blocks are cut."""

from .convolution import conv, depthwise, transpose
from .fused import concat_conv, separable
from .gates import POINTWISE, gate, mask, window
from .local import channel_map, concat, flatten, image, plane, pointwise, pool, resize

# Patches, of side 1: a word of the mask, just below and above; a warp's worth of words, and beyond it.
GRIDS = ((1, 31), (1, 32), (1, 33), (5, 13), (31, 33), (32, 32), (25, 41), (37, 57))


def by_grid():
    for size in GRIDS:
        rest = dict(patch=1, mask="random")
        yield pointwise("Add", "grid", size, 4, 2, **rest)
        yield conv("grid", size, 5, 6, 3, **rest)
        yield depthwise("grid", size, 8, **rest)
        yield pool("MaxPool", "grid", size, 3, 3, 1, (1, 1, 1, 1), **rest)
        yield pointwise("Identity", "grid-gated", size, 5, cell=1, **rest)
        yield gate("grid", "exact", size + (3,), 1)
        yield gate("grid", "delta", size + (4,), 1, "random", cell=1)
        yield mask("grid-k5", size, 1, size, 1, window(5, begin=2), kind="single")
    size = GRIDS[-1]
    for kind in ("full", "single", "last column", "checkerboard"):
        yield conv("grid-" + kind.replace(" ", "-"), size, 4, 8, 3, patch=1, mask=kind)
        yield pointwise("Mul", "grid-gated-" + kind.replace(" ", "-"), size, 8, 2, patch=1, cell=1, mask=kind)
    yield transpose("grid", (19, 29), 4, 6, 4, 2, (1, 1, 1, 1), patch=1)
    yield resize("-grid", (19, 29), (38, 58), 4, "linear", "half_pixel", patch=1)
    yield flatten("grid", [(37, 57), (19, 29)], 3, patch=1)
    yield plane("grid", size, 5, patch=1)
    yield separable("grid", size, 8, 5, patch=1)
    yield concat_conv("grid", size, (4, 3), 8, patch=1)
    yield image("grid", size, 3, "NCHW", "float32", patch=1)


def by_patch():
    """Patches of more pixels than a block has threads, also cut by the border."""
    for patch in (17, 32, 40):
        size = (41, 67)
        yield pointwise("Add", "patch-{}".format(patch), size, 4, 2, patch=patch)
        yield plane("patch-{}".format(patch), size, 6, patch=patch)
        yield conv("patch-{}".format(patch), size, 4, 8, 3, patch=patch)
        yield pool("AveragePool", "patch-{}".format(patch), size, 5, 3, 1, (1, 1, 1, 1), patch=patch)
        yield pointwise("Identity", "patch-gated-{}".format(patch), size, 8, patch=patch, cell=patch)
        yield gate("patch", "exact", size + (3,), patch)
        yield mask("patch", size, patch, (82, 134), 2 * patch, (2, 1, 0, 1))
    yield gate("patch", "delta", (70, 67, 3), 32, cell=16)


def by_channels():
    for channels in (255, 256, 260, 1023, 1028):
        yield pointwise("Mul", "wide", (3, 5), channels, 2)
        yield depthwise("wide", (3, 5), channels)
        yield pool("MaxPool", "wide", (3, 5), channels, 3, 1, (1, 1, 1, 1))
        yield resize("-wide", (3, 5), (6, 7), channels, "linear", "asymmetric")
        yield channel_map("wide", (3, 5), channels, list(range(channels - 1, -1, -1)))
        yield pointwise("Identity", "wide-gated", (6, 5), channels, patch=2, cell=2)
        yield plane("wide", (6, 5), channels, patch=2)
    for c_in, c_out in ((512, 260), (260, 519), (1028, 8), (3, 1030)):
        yield conv("wide", (3, 4), c_in, c_out, 1)
    yield conv("wide-k3", (4, 5), 256, 72, 3)
    yield transpose("wide", (3, 4), 130, 66, 2, 2)
    yield separable("wide", (4, 5), 516, 36)
    yield concat("wide", (3, 5), (255, 260, 1, 512))
    yield concat_conv("wide", (3, 5), (255, 260, 1, 512), 40)
    yield gate("wide", "exact", (6, 5, 1024), 2)
    yield gate("wide", "delta", (6, 5, 1023), 2, "random", cell=2)
    yield mask("wide-window", (3, 3), 1, (37, 57), 1, (12, 1, 0, 36), (0, 1, 0, 56), kind="single")
    yield mask("many-outputs", (37, 57), 1, (3, 3), 1, (0, 1, 0, 2), kind="single")
    for kind in ("single", "last column", "random"):  # patches that lie between the windows of an output patch's pixels
        yield mask("between-windows", (9, 9), 3, (36, 36), 1, window(1, 4), kind=kind)
    yield mask("pointwise-fine", (33, 34), 16, (33, 34), 1, POINTWISE, kind="single")


CASES = list(by_grid()) + list(by_patch()) + list(by_channels())
