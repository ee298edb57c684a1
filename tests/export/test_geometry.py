"""The windows of PatchMask against brute force: change one input pixel, and see which outputs change."""

import numpy as np
import pytest

from patchskip.export.geometry import windows
from patchskip.plugins.reference.patches import evaluate, grid, patch_mask


def kernel(k, s=1, d=1, pads=(0, 0, 0, 0)):
    return {"kernel_shape": [k, k], "strides": [s, s], "dilations": [d, d], "pads": list(pads)}


def resize(mode, coordinates, nearest="floor"):
    return {"mode": mode, "coordinate_transformation_mode": coordinates, "nearest_mode": nearest}


CASES = [
    *[
        ("Conv", kernel(k, s, d, p), (11, 9), None)
        for k, s, d, p in [
            (3, 1, 1, (1, 1, 1, 1)),
            (3, 2, 1, (1, 1, 1, 1)),
            (3, 2, 1, (0, 0, 1, 1)),
            (5, 1, 2, (4, 4, 4, 4)),
            (6, 2, 1, (2, 2, 2, 2)),
            (2, 3, 1, (0, 0, 0, 0)),
            (1, 2, 1, (0, 0, 0, 0)),
        ]
    ],
    *[
        ("ConvTranspose", kernel(k, s, d, p), (6, 5), None)
        for k, s, d, p in [
            (4, 2, 1, (1, 1, 1, 1)),
            (8, 4, 1, (2, 2, 2, 2)),
            (3, 2, 1, (1, 1, 0, 0)),
            (2, 3, 1, (0, 0, 0, 0)),
            (3, 1, 2, (0, 0, 0, 0)),
        ]
    ],
    ("MaxPool", kernel(3, 2, 1, (1, 1, 1, 1)), (11, 9), None),
    ("AveragePool", dict(kernel(3, 2, 1, (1, 1, 1, 1)), count_include_pad=0), (11, 9), None),
    *[
        ("Resize", resize(mode, coordinates, nearest), (7, 5), size)
        for size in [(14, 10), (21, 8), (5, 3), (1, 1), (3, 13)]
        for coordinates in ["asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"]
        for mode, nearest in [
            ("linear", "floor"),
            ("nearest", "floor"),
            ("nearest", "ceil"),
            ("nearest", "round_prefer_floor"),
            ("nearest", "round_prefer_ceil"),
        ]
    ],
    ("Relu", {}, (4, 5), None),
]


def output_size(op_type, a, size):
    if op_type == "Relu":
        return size
    pads = zip(a["pads"][:2], a["pads"][2:])
    spans = [(k - 1) * d + 1 for k, d in zip(a["kernel_shape"], a["dilations"])]
    if op_type == "ConvTranspose":
        return tuple((n - 1) * s + k - b - e for n, s, k, (b, e) in zip(size, a["strides"], spans, pads))
    return tuple((n + b + e - k) // s + 1 for n, s, k, (b, e) in zip(size, a["strides"], spans, pads))


def dependencies(op_type, attributes, size_in, size_out):
    """bool [H', W', H, W]: does the output pixel depend on the input pixel?"""
    extra = []
    if op_type.startswith("Conv"):
        extra = [np.ones((1, 1, *attributes["kernel_shape"]), np.float32), np.zeros(1, np.float32)]
    run = "Identity" if op_type == "Relu" else op_type
    found = np.zeros((*size_out, *size_in), bool)
    for y, x in np.ndindex(*size_in):
        image = np.zeros((1, *size_in, 1), np.float32)
        image[0, y, x] = 1
        found[:, :, y, x] = evaluate(run, [image, *extra], size_out, **attributes)[0, ..., 0] != 0
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{'-'.join(str(v) for v in c[1].values())}-{c[3]}")
@pytest.mark.parametrize("in_patch,patch", [(1, 1), (2, 1), (2, 2), (4, 2)])
def test_windows_hold_what_is_read(case, in_patch, patch):
    op_type, attributes, size_in, size_out = case
    size_out = size_out or output_size(op_type, attributes, size_in)
    depends = dependencies(op_type, attributes, size_in, size_out)
    reads = windows(op_type, attributes, 0, size_in, size_out)
    numbers = [n for window in reads for n in window]
    extra = 0
    for row, column in np.ndindex(*grid(size_in, in_patch)):
        mask = np.zeros(grid(size_in, in_patch), np.int32)
        mask[row, column] = 1
        found = patch_mask([mask], size_out, patch, [in_patch], numbers)
        rows, columns = (slice(n * in_patch, (n + 1) * in_patch) for n in (row, column))
        pixels = depends[:, :, rows, columns].any((2, 3))
        needed = np.zeros_like(found)
        for y, x in np.argwhere(pixels):
            needed[y // patch, x // patch] = 1
        assert (found >= needed).all(), f"patch {row}, {column} of the input is read, and not seen to be"
        extra += int((found > needed).sum())
    # Exact, but for dilated and strided kernels, whose windows have holes, and a second pixel of weight 0.
    whole = attributes.get("mode") != "linear" and set(attributes.get("dilations", [1])) == {1}
    if whole and not (op_type == "ConvTranspose" and attributes["kernel_shape"][0] < attributes["strides"][0]):
        assert extra == 0 or min(size_out) == 1


@pytest.mark.parametrize(
    "k,s,pads,expected",
    [
        (3, 1, 1, (0, 0)),
        (3, 2, 1, (0, 1)),
        (6, 2, 2, (0, 1)),
        (1, 2, 0, (0, 0)),
        (5, 1, 2, (0, 0)),
        (2, 2, 0, (0, 1)),
        (7, 4, 3, (-1, 2)),
    ],
)
def test_without_halo_a_pixel_reads_its_own_place(k, s, pads, expected):
    rows, columns = windows("Conv", kernel(k, s, 1, [pads] * 4), 0, (32, 32), (32 // s, 32 // s), halo=False)
    assert rows == columns == (s, 1, *expected)


@pytest.mark.parametrize(
    "op_type,attributes,size_out",
    [
        ("Conv", kernel(3, 2, 1, (1, 1, 1, 1)), (8, 8)),
        ("ConvTranspose", kernel(4, 2, 1, (1, 1, 1, 1)), (32, 32)),
        ("Resize", resize("linear", "half_pixel"), (32, 32)),
        ("Resize", resize("linear", "align_corners"), (5, 7)),
    ],
)
def test_without_halo_every_output_reads_something_of_the_input(op_type, attributes, size_out):
    """Or the first frame would leave it NaN."""
    reads = windows(op_type, attributes, 0, (16, 16), size_out, halo=False)
    mask = np.ones((16, 16), np.int32)
    assert patch_mask([mask], size_out, 1, [1], [n for window in reads for n in window]).all()


def test_every_input_of_flatten_reaches_the_pixels_it_lies_on():
    base, other = (6, 4), (3, 2)
    reads = windows("Flatten", {}, 1, other, base)
    mask = np.zeros(other, np.int32)
    mask[1, 1] = 1
    found = patch_mask([mask], base, 1, [1], [n for window in reads for n in window])
    assert np.argwhere(found).tolist() == [[2, 2], [2, 3], [3, 2], [3, 3]]
