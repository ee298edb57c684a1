"""What a Jetson Nano should take for a node's kernels: counted work (work.py) on a board of which this is assumed.

A launch takes the larger of its arithmetic and its memory traffic, after its blocks have ranked the patches, and what
every launch takes. Nothing here has been measured on the board.
"""

from dataclasses import astuple, dataclass

from patchskip.benchmarks import work
from patchskip.benchmarks.work import SMALL_COST

SM, MULTIPROCESSORS = 53, 1

# NVIDIA's data sheet: 128 cores at 921.6 MHz, a multiplication and an addition each; float16 two at a time; LPDDR4.
FLOAT32_FLOPS, FLOAT16_FLOPS, BANDWIDTH = 236e9, 472e9, 25.6e9

# Ours. We add in float32 also where tensors are float16, so that the float32 rate is the ceiling.
CONV_EFFICIENCY = 0.6  # of it, in large tiles: a fourth of the instructions load, address and store; the rest waits
LANE_EFFICIENCY = 0.5  # of everything else, whose instructions depend on each other: depthwise, activations
BANDWIDTH_EFFICIENCY = 0.75  # what copies reach on this board
ENOUGH_WARPS = {"conv": 8, "other": 16}  # of a multiprocessor's four schedulers, to hide what instructions wait for
MASK_WORD_US = 0.1  # a warp's step of ranking the patches, 32 of them: a read of the second-level cache, some in flight

# What a launch costs: the GPU's change of kernels where a CUDA graph holds them, else the CPU's call (Cortex-A57).
# As if nothing of it overlapped with the kernels.
GRAPH_LAUNCH_US, STREAM_LAUNCH_US = 4.0, 12.0

# TensorRT's dense network, an assumption as well: float16 arithmetic, convolution and activation in one launch, nothing
# for an activation, joining channels for free. NVIDIA's published 36 frames a second of ResNet-50 (224x224, 4.1 GMAC)
# are 0.62 of the rate. The published 64 of MobileNetV2 (300x300), 15.6 ms, are three times what is assumed here.
TENSORRT_CONV_EFFICIENCY, TENSORRT_DEPTHWISE_EFFICIENCY = 0.6, 0.2
TENSORRT_FREE = ("Concat",)


PARTS = ("multiplications", "tiles", "operations", "memory", "idle", "ranking", "launches")


@dataclass
class Prediction:
    """Milliseconds, by what they go to; of a launch either the arithmetic or the memory, whichever takes longer.

    multiplications   that the result needs
    tiles             further ones, that fill them, and what small tiles take longer
    operations        other arithmetic: activations, sums, conversions
    memory            reading and writing
    idle              what these take longer because few warps have something to do
    ranking           of the patches, in every block
    launches          with a CUDA graph
    """

    multiplications: float = 0
    tiles: float = 0
    operations: float = 0
    memory: float = 0
    idle: float = 0
    ranking: float = 0
    count: int = 0  # of launches

    def __add__(self, other):
        return Prediction(*(a + b for a, b in zip(astuple(self), astuple(other))))

    @property
    def launches(self):
        return self.count * GRAPH_LAUNCH_US / 1e3

    @property
    def graph_ms(self):
        return sum(getattr(self, part) for part in PARTS)

    @property
    def stream_ms(self):
        return self.graph_ms + self.count * (STREAM_LAUNCH_US - GRAPH_LAUNCH_US) / 1e3

    @property
    def limit(self):
        return max(PARTS, key=lambda part: getattr(self, part))


def predict(node, share):
    """-> Prediction for a planned.Node with `share` of its patches active."""
    total = Prediction()
    for launch, done in zip(node.launches(), work.count(node, share)):
        conv = launch.kernel.startswith("conv")
        lane = 1e3 / (FLOAT32_FLOPS / 2)
        mac, operation = lane / (CONV_EFFICIENCY if conv else LANE_EFFICIENCY), lane / LANE_EFFICIENCY
        tiles = done.padded + done.small * (SMALL_COST - 1) - done.macs
        made = _of_launch(done.macs * mac, tiles * mac, done.operations * operation, done.bytes)
        busy = min(1.0, done.warps / ENOUGH_WARPS["conv" if conv else "other"])
        made.idle = made.graph_ms * (1 / busy - 1)
        made.ranking = -(-done.mask_words // (launch.threads // 32)) * MASK_WORD_US / 1e3
        made.count = 1
        total += made
    return total


def tensorrt(node):
    """-> Prediction for TensorRT's dense form of the node: nothing for a mask."""
    total = Prediction()
    if node.operator != "PatchSkip" or node.op_type in TENSORRT_FREE:
        return total
    for macs, size, depthwise in work.dense_layers(node):
        efficiency = TENSORRT_DEPTHWISE_EFFICIENCY if depthwise else TENSORRT_CONV_EFFICIENCY
        made = _of_launch(macs / (FLOAT16_FLOPS / 2 * efficiency) * 1e3, 0, 0, size)
        made.count = 1
        total += made
    return total


def _of_launch(multiplications, tiles, operations, size):
    """Arithmetic in ms and memory in bytes overlap."""
    memory = size / (BANDWIDTH * BANDWIDTH_EFFICIENCY) * 1e3
    if memory > multiplications + tiles + operations:
        return Prediction(memory=memory)
    return Prediction(multiplications, tiles, operations)
