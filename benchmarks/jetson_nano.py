"""What a Jetson Nano should take for a node's kernels: counted work (work.py) on a board of which this is assumed.

A launch takes the larger of its arithmetic and its memory traffic, after its blocks have ranked the patches, and what
every launch takes. Nothing here has been measured on the board.
"""

from dataclasses import astuple, dataclass

from patchskip.benchmarks import work

SM, MULTIPROCESSORS = 53, 1

# NVIDIA's data sheet: 128 cores at 921.6 MHz, a multiplication and an addition each; float16 two at a time; LPDDR4.
FLOAT32_FLOPS, FLOAT16_FLOPS, BANDWIDTH = 236e9, 472e9, 25.6e9

# Ours. We add in float32 also where tensors are float16, so that the float32 rate is the ceiling.
CONV_EFFICIENCY = 0.6  # of it: between a sixth and a third of the instructions load, address and store; the rest waits
LANE_EFFICIENCY = 0.5  # of everything else, whose instructions depend on each other: depthwise, activations
BANDWIDTH_EFFICIENCY = 0.75  # what copies reach on this board
ENOUGH_WARPS = {"conv": 8, "other": 16}  # of a multiprocessor's four schedulers, to hide what instructions wait for
MASK_WORD_US = 0.1  # a warp's step of ranking the patches, 32 of them: a read of the second-level cache, some in flight

# What a launch costs: the GPU's change of kernels where a CUDA graph holds them, else the CPU's call (Cortex-A57).
GRAPH_LAUNCH_US, STREAM_LAUNCH_US = 4.0, 12.0

# TensorRT's dense network, an assumption as well: float16 arithmetic, convolution and activation in one launch, joining
# channels for free. ResNet-50's published 36 frames a second (224x224, 4.1 GMAC) are 0.62 of the rate.
TENSORRT_CONV_EFFICIENCY, TENSORRT_DEPTHWISE_EFFICIENCY = 0.6, 0.2
TENSORRT_FREE = ("Concat",)


@dataclass
class Prediction:
    """Milliseconds. kernels: of every launch, the larger of arithmetic and memory, and the ranking of the patches."""

    kernels: float = 0
    arithmetic: float = 0
    memory: float = 0
    ranking: float = 0
    launches: int = 0

    def __add__(self, other):
        return Prediction(*(a + b for a, b in zip(astuple(self), astuple(other))))

    @property
    def graph_ms(self):
        return self.kernels + self.launches * GRAPH_LAUNCH_US / 1e3

    @property
    def stream_ms(self):
        return self.kernels + self.launches * STREAM_LAUNCH_US / 1e3

    @property
    def limit(self):
        parts = {
            "arithmetic": self.arithmetic,
            "memory": self.memory,
            "ranking": self.ranking,
            "launches": self.launches * GRAPH_LAUNCH_US / 1e3,
        }
        return max(parts, key=lambda name: parts[name])


def predict(node, share):
    """-> Prediction for a planned.Node with `share` of its patches active."""
    total = Prediction()
    for launch, done in zip(node.launches(), work.count(node, share)):
        conv = launch.kernel.startswith("conv")
        busy = min(1.0, done.warps / ENOUGH_WARPS["conv" if conv else "other"])
        macs = done.padded / (CONV_EFFICIENCY if conv else LANE_EFFICIENCY)
        arithmetic = (macs + done.operations / LANE_EFFICIENCY) / (FLOAT32_FLOPS / 2 * busy) * 1e3
        memory = done.bytes / (BANDWIDTH * BANDWIDTH_EFFICIENCY * busy) * 1e3
        ranking = -(-done.mask_words // (launch.threads // 32)) * MASK_WORD_US / 1e3
        total += Prediction(max(arithmetic, memory) + ranking, arithmetic, memory, ranking, 1)
    return total


def tensorrt(node):
    """-> Prediction for TensorRT's dense form of the node: nothing for a mask."""
    if node.operator != "PatchSkip" or node.op_type in TENSORRT_FREE:
        return Prediction()
    total = Prediction()
    for macs, size, depthwise in work.dense_layers(node):
        efficiency = TENSORRT_DEPTHWISE_EFFICIENCY if depthwise else TENSORRT_CONV_EFFICIENCY
        arithmetic = macs / (FLOAT16_FLOPS / 2 * efficiency) * 1e3
        memory = size / (BANDWIDTH * BANDWIDTH_EFFICIENCY) * 1e3
        total += Prediction(max(arithmetic, memory), arithmetic, memory, 0, 1)
    return total
