"""What the kernels of one node have to do, by their launches: multiplications, other operations, bytes, warps.

Bytes are those of the tensors: each input pixel that an active patch reads, once for each patch that reads it (its halo
too) and never more often than the tensor has it; each output pixel once; weights and mask once. What a kernel reads
again (a pixel for every tile of channels) is left to the caches.
"""

import math
import re
from dataclasses import dataclass

from patchskip.benchmarks.planned import Node, Type
from patchskip.runtime.errors import PatchskipError

DEPTHS = 8, 16  # terms of a slice of large and of small tiles: a convolution's sum is padded to so many
# Of a small tile's multiplication, in a large one's, as in cuda/device/conv_params.h: half of the instructions load,
# address and store, not a fourth, and between two reads there is less to do.
SMALL_COST = 2
ENOUGH_TILES = 4  # for a multiprocessor: fewer leave it idle; as in cuda/plan_conv.cc

# Operations of a float32 lane for one value: as the kernels' source has them, a division and an exponential as the
# instructions that they become.
ACTIVATIONS = {
    "Relu": 1,
    "Clip": 2,
    "LeakyRelu": 2,
    "PRelu": 3,
    "HardSwish": 5,
    "HardSigmoid": 4,
    "Sigmoid": 18,
    "SiLU": 19,
}
STORE = 6  # of every output value: bias or sum, conversion, address
PLACE = 60  # of every place that a DeformConv's tap reads: its four pixels and their shares


@dataclass
class Work:
    """Of one launch."""

    kernel: str
    macs: float = 0  # that the result needs
    padded: float = 0  # that the kernel makes
    small: float = 0  # of these, in small tiles
    operations: float = 0
    bytes: float = 0
    warps: float = 0  # that have something to do
    mask_words: int = 0  # of 32 patches, which every block reads and ranks first


def count(node: Node, share: float) -> list[Work]:
    """-> the work of each launch when `share` of the node's patches are active, and at least one."""
    return [_launch(node, launch, share) for launch in node.launches()]


def _launch(node, launch, share):
    geometry = Geometry(node, share)
    for pattern, counted in KERNELS:
        if re.fullmatch(pattern, launch.kernel):
            work = counted(geometry, launch)
            work.kernel = launch.kernel
            if node.operator == "PatchSkip" and launch.kernel != "copy":
                work.mask_words = math.ceil(geometry.patches / 32)
                work.bytes += 4 * geometry.patches
            return work
    raise PatchskipError(f"the kernel {launch.kernel} is not counted yet; add it to KERNELS in benchmarks/work.py")


class Geometry:
    """A node's sizes, and what `share` of its patches take of them."""

    def __init__(self, node, share):
        self.node, self.attributes = node, node.attributes
        (mask, _), (shape, dtype) = node.types[node.inputs[0]], node.types[node.outputs[0]]
        self.patches = math.prod(mask)
        self.active = min(self.patches, max(1, round(share * self.patches)))
        self.share = self.active / self.patches
        if self.attributes.get("op_type") == "Planes":  # Y lies NCHW
            shape = (shape[0], *shape[2:], shape[1])
        self.value_bytes, self.channels = dtype.itemsize, shape[-1]
        self.size = shape[1:-1]
        self.patch = node.attributes.get("patch", 1)
        self.pixels = self.pixels_of(self.size)
        self.slots = self.active * self.patch**2

    def pixels_of(self, size):
        """Of the active patches, whose sides are `self.patch` in a tensor of the output's size."""
        if self.attributes.get("op_type") == "Flatten":
            return math.prod(size) * self.share
        return min(self.active * self.patch**2, math.prod(size))

    def read_bytes(self, own: Type, window=True):
        """Of an own activation."""
        shape, dtype = own
        if self.attributes.get("op_type") == "Flatten":
            return math.prod(shape) * dtype.itemsize * self.share
        if self.attributes.get("layout") == "NCHW":
            shape = (shape[0], *shape[2:], shape[1])
        sides = [self._reach(axis, shape[1 + axis]) if window else self.patch for axis in (0, 1)]
        return min(self.active * math.prod(sides), math.prod(shape[1:3])) * shape[3] * dtype.itemsize

    def _reach(self, axis, size):
        """Rows (axis 0) or columns of an input, `size` in all, that a patch reads."""
        a = self.attributes
        if a["op_type"] == "Resize":
            return min(size, math.ceil(self.patch * size / self.size[axis]) + (a.get("mode", "nearest") == "linear"))
        kernel = (a.get("kernel_shape") or [1, 1])[axis]
        stride, dilation = (a.get("strides") or [1, 1])[axis], (a.get("dilations") or [1, 1])[axis]
        beyond = self.patch - 1, (kernel - 1) * dilation
        if a["op_type"] == "ConvTranspose":
            return min(size, sum(beyond) // stride + 1)
        return min(size, beyond[0] * stride + beyond[1] + 1)

    @property
    def taps(self):
        return math.prod(self.attributes.get("kernel_shape") or [1, 1])

    @property
    def out_bytes(self):
        return self.pixels * self.channels * self.value_bytes

    @property
    def finish(self):
        """-> (operations, bytes) of the node's activation and residual."""
        values = self.pixels * self.channels
        residual = self.node.residual is not None
        return values * (
            STORE + ACTIVATIONS.get(self.attributes.get("activation"), 0) + residual
        ), residual * self.out_bytes

    def warps(self, launch, units):
        """Of the launch's, given pieces of work for `units` blocks."""
        return min(launch.blocks, math.ceil(units)) * launch.threads / 32


def summed_channels(node: Node) -> int:
    """That a convolution's sums read: not those that say where a deformable one reads."""
    return sum(shape[-1] for shape, _ in (node.own[:1] if node.op_type == "DeformConv" else node.own))


def dense_layers(node: Node) -> list[tuple[float, float, bool]]:
    """-> (MACs, bytes, is it depthwise?) of each layer that the node would be in a dense network of its types."""
    g = Geometry(node, 1)
    a, out = node.attributes, g.out_bytes * (1 + (node.residual is not None))
    read = [math.prod(shape) * dtype.itemsize for shape, dtype in node.own]
    channels = summed_channels(node)
    if node.op_type == "SeparableConv":
        inner = g.pixels * channels
        return [
            (inner * g.taps, read[0] + (inner + channels * g.taps) * g.value_bytes, True),
            (inner * g.channels, (inner + channels * g.channels) * g.value_bytes + out, False),
        ]
    if node.op_type not in ("Conv", "ConvTranspose", "ConcatConv", "DeformConv"):
        return [(0, sum(read) + out, False)]
    group = a.get("group", 1)
    steps = math.prod(a.get("strides") or [1, 1]) if node.op_type == "ConvTranspose" else 1
    macs = g.pixels * g.channels * channels / group * g.taps / steps
    weights = channels * g.channels / group * g.taps * g.value_bytes
    return [(macs, sum(read) + weights + out, group == channels == g.channels)]


def _conv(g, launch):
    """The matrix product of pixels x terms by terms x channels, in tiles that the kernel's name tells."""
    a = g.attributes
    fused = a["op_type"] in ("SeparableConv", "ConcatConv")
    group, taps = (1, 1) if fused else (a.get("group", 1), g.taps)
    channels = summed_channels(g.node)
    steps = math.prod(a.get("strides") or [1, 1]) if a["op_type"] == "ConvTranspose" else 1
    terms, outputs = taps / steps * channels // group, g.channels // group
    slots = math.ceil(g.slots / steps)
    units, areas = _tiles(launch.kernel, slots, outputs, steps * group, ENOUGH_TILES * g.node.multiprocessors)
    large, small = [n * area * math.ceil(terms / depth) * depth for n, area, depth in zip(units, areas, DEPTHS)]
    if a["op_type"] == "SeparableConv":  # from workspace
        read = g.pixels * channels * g.value_bytes
        constants = g.value_bytes * channels * g.channels + 4 * g.channels
    elif a["op_type"] == "DeformConv":
        read, constants = g.pixels * taps * channels * g.value_bytes, 4 * a["constants"]
    else:
        read = sum(g.read_bytes(own) for own in g.node.own)
        constants = 4 * a["constants"]
    operations, more = g.finish
    return Work(
        launch.kernel,
        macs=g.pixels * outputs * group * terms,
        padded=large + small,
        small=small,
        operations=operations,
        bytes=read + constants + g.out_bytes + more,
        warps=g.warps(launch, sum(units)),
    )


def _tiles(kernel, slots, outputs, times, enough):
    """-> (number of large tiles, of small ones), (sums of one, of the other): large_slots in device/conv_place.cuh."""
    tiles = [(int(pixels), int(channels)) for pixels, channels in re.findall(r"(\d+)x(\d+)", kernel)[:2]]
    areas = [pixels * channels for pixels, channels in tiles]
    large = tiles[0][0]

    def units(of_large):
        counts = of_large, max(0, slots - of_large)
        return [
            math.ceil(n / pixels) * math.ceil(outputs / channels) * times
            for n, (pixels, channels) in zip(counts, tiles)
        ]

    if slots % large * SMALL_COST > large and sum(units(slots)) >= enough:
        return units(slots), areas
    filled = units(slots - slots % large)
    return filled if sum(filled) > enough // 2 else units(0), areas


def _depthwise(g, launch):
    a, (own, dtype) = g.attributes, g.node.own[0]
    inner = a["op_type"] == "SeparableConv"
    values, taps = g.pixels * own[-1], g.taps
    steps = math.prod(a.get("strides") or [1, 1]) if a["op_type"] == "ConvTranspose" else 1
    activation = a.get("inner_activation" if inner else "activation")
    operations, more = (values * (STORE + ACTIVATIONS.get(activation, 0)), 0) if inner else g.finish
    macs = values * taps / steps
    return Work(
        launch.kernel,
        macs=macs,
        padded=g.slots / g.pixels * macs,
        operations=operations,
        bytes=g.read_bytes(g.node.own[0]) + (taps * dtype.itemsize + 4) * own[-1] + values * dtype.itemsize + more,
        warps=g.warps(launch, g.slots * own[-1] / _width(launch) / launch.threads),
    )


def _deform(g, launch):
    """What a DeformConv's taps read, to workspace. Its pixels of X are taken for those of its kernel."""
    values = g.pixels * g.taps * summed_channels(g.node)
    x, *samples = g.node.own
    return Work(
        launch.kernel,
        operations=values * (STORE + 4 + PLACE / _width(launch)),
        bytes=g.read_bytes(x) + sum(g.read_bytes(own, False) for own in samples) + values * g.value_bytes,
        warps=g.warps(launch, g.slots / g.pixels * values / _width(launch) / launch.threads),
    )


def _local(operations_of_a_value):
    """Operators that read each own activation through the node's window and write each output value once."""

    def counted(g, launch):
        operations, more = g.finish
        values = g.pixels * g.channels
        return Work(
            launch.kernel,
            operations=operations + values * operations_of_a_value(g),
            bytes=sum(g.read_bytes(own) for own in g.node.own) + g.out_bytes + more,
            warps=g.warps(launch, g.slots * g.channels / _width(launch) / launch.threads),
        )

    return counted


def _copy(g, launch):
    """The mask: what begins as the cache is not copied where it lies in place."""
    return Work(launch.kernel, bytes=8 * g.patches, warps=g.warps(launch, 1))


def _gate(g, launch):
    """PatchGate reads the whole picture, and what it was compared with last."""
    read = sum(math.prod(shape) * dtype.itemsize for shape, dtype in (g.node.types[name] for name in g.node.inputs[:2]))
    values = math.prod(g.attributes.get("picture") or g.node.types[g.node.inputs[0]][0])
    patches = math.prod(g.node.types[g.node.outputs[0]][0])
    return Work(
        launch.kernel,
        operations=values * STORE,
        bytes=read + 4 * patches,
        warps=g.warps(launch, patches / (launch.threads / 32)),
    )


def _commit(g, launch):
    """The gate of a PatchSkip node: a warp for each patch compares the result with the cache, and takes its place."""
    values = g.pixels * g.channels
    return Work(
        launch.kernel,
        operations=values * STORE,
        bytes=3 * g.out_bytes + 4 * g.patches,
        warps=min(g.active, launch.blocks * launch.threads / 32),
    )


def _mask(g, launch):
    masks = [math.prod(g.node.types[name][0]) for name in g.node.inputs]
    made = math.prod(g.node.plan.outputs[0][0])
    return Work(
        launch.kernel,
        operations=made * 16 * len(masks),
        bytes=4 * (sum(masks) + made),
        warps=g.warps(launch, made / launch.threads),
    )


def _width(launch):
    return 4 if launch.kernel.endswith("x4") else 1


# Pattern of a kernel's name -> its work.
KERNELS = [
    (r"conv_.*", _conv),
    (r"deform_.*", _deform),
    (r"depthwise.*", _depthwise),
    (r"(pointwise|flatten|planes|image|concat|channel_map)_.*", _local(lambda g: 1)),
    (r"resize_.*", _local(lambda g: 8 if g.attributes["mode"] == "linear" else 1)),
    (r"pool_.*", _local(lambda g: g.taps)),
    (r"gate_.*", _gate),
    (r"commit_.*", _commit),
    (r"copy", _copy),
    (r"patch_mask", _mask),
]
