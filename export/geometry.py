"""Which input rows and columns an operator's output row or column reads: the windows of PatchMask (docs/op-spec.md)."""

from __future__ import annotations

from typing import NamedTuple

Size = tuple[int, int]


class Window(NamedTuple):
    """Output index y reads input indices floor((y * num + low) / den) to floor((y * num + high) / den)."""

    num: int
    den: int
    low: int
    high: int

    def patches(self, begin: int, end: int, size: int, patch: int) -> tuple[int, int]:
        """The first and the last patch of the input, of `size`, that the outputs [begin, end) read."""
        low = (begin * self.num + self.low) // self.den
        high = ((end - 1) * self.num + self.high) // self.den
        return max(low, 0) // patch, min(high, size - 1) // patch


POINTWISE = Window(1, 1, 0, 0)


def kernel(size: int, stride: int, dilation: int, begin: int, halo: bool = True) -> Window:
    """Convolution and pooling. Without halo: only the `stride` pixels that the output pixel stands for."""
    low, high = -begin, (size - 1) * dilation - begin
    if halo:
        return Window(stride, 1, low, high)
    centre = low + (size - 1) * dilation // 2 - (stride - 1) // 2
    return Window(stride, 1, max(low, centre), min(high, centre + stride - 1))


def transposed(size: int, stride: int, dilation: int, begin: int, halo: bool = True) -> Window:
    reach = (size - 1) * dilation
    if halo:
        return Window(1, stride, begin - reach + stride - 1, begin)
    centre = begin - (reach - (stride - 1)) // 2
    return Window(1, stride, centre, centre)


def resize(n_in: int, n_out: int, mode: str, coordinates: str, nearest_mode: str, halo: bool = True) -> Window:
    """The coordinate is (num y + offset) / den; den is even, so that rounding to the nearest is a shift of den / 2."""
    num, den, offset = 2 * n_in, 2 * n_out, 0
    if coordinates == "align_corners":
        num, den = 2 * (n_in - 1), 2 * max(n_out - 1, 1)
    elif coordinates == "pytorch_half_pixel" and n_out == 1:
        num, den = 0, 2
    elif coordinates != "asymmetric":
        offset = n_in - n_out
    if mode == "linear":
        return Window(num, den, offset, offset + den) if halo else Window(2 * n_in, 2 * n_out, n_in, n_in)
    shift = {"floor": 0, "ceil": den - 1, "round_prefer_floor": den // 2 - 1, "round_prefer_ceil": den // 2}
    at = offset + shift[nearest_mode]
    return Window(num, den, at, at)


def overlap(n_in: int, n_out: int) -> Window:
    """The input pixels that cover some of the picture the output pixel covers."""
    return Window(n_in, n_out, 0, n_in - 1)


def windows(
    op_type: str,
    attributes: dict,
    index: int,
    size_in: Size,
    size_out: Size,
    halo: bool = True,
    radius: int | None = None,
):
    """-> (rows' window, columns' window) of activation input `index` (0 is the first that is no weight).

    radius: by how many pixels the taps of a DeformConv are moved at most, as far as changes are followed; None: it
    reads everything.
    """
    if op_type == "Flatten":  # active lies on the first tensor's grid
        return tuple(overlap(n_in, n_out) for n_in, n_out in zip(size_in, size_out))
    if index > 0:  # the residual, or another operand
        return POINTWISE, POINTWISE
    if op_type == "DeformConv" and halo and radius is None:
        return tuple(Window(0, 1, 0, n_in - 1) for n_in in size_in)
    if op_type in ("Conv", "ConvTranspose", "DeformConv", "MaxPool", "AveragePool"):
        form = transposed if op_type == "ConvTranspose" else kernel
        geometry = (attributes[name] for name in ("kernel_shape", "strides", "dilations", "pads"))
        reads = [form(k, s, d, b, halo) for k, s, d, b in zip(*geometry)]
        moved = radius or 0 if op_type == "DeformConv" and halo else 0
        return tuple(w._replace(low=w.low - moved, high=w.high + moved) for w in reads)
    if op_type == "Resize":
        modes = (attributes[name] for name in ("mode", "coordinate_transformation_mode", "nearest_mode"))
        mode, coordinates, nearest = modes
        return tuple(resize(i, o, mode, coordinates, nearest, halo) for i, o in zip(size_in, size_out))
    return POINTWISE, POINTWISE
