"""A model's convolutions on a GPU, layer by layer: ours at several active shares against cuDNN's dense ones."""

from collections import Counter, defaultdict

import numpy as np

from patchskip.benchmarks import masks, timing
from patchskip.benchmarks.dense_torch import DenseLayer
from patchskip.benchmarks.gpu_frame import NAN, WORD
from patchskip.benchmarks.gpu_timing import graph_ms, warm_up
from patchskip.benchmarks.planned import Node, Planned
from patchskip.plugins.cuda import compile

SHARES = (1.0, 0.25, 0.1, 0.05)
MEASURED = ("Conv", "ConvTranspose", "SeparableConv", "ConcatConv")
RUNS, TURNS = 20, 5  # runs in a graph; turns of every variant


class SkipLayer:
    """A node's kernels on the GPU, `runs` executions in a CUDA graph, on random activations.

    constants: {name: array} of the model. A gate commits what differs from what is kept, so that of equal runs only the
    first would commit anything: what it keeps is filled with NaN before each run, and all active patches are committed.
    """

    def __init__(self, node: Node, constants, gpu, module, runs):
        self._gpu, self._stream, self._runs = gpu, gpu.stream(), runs
        self._node, rng = node, np.random.default_rng(1)
        names = [name for name in dict.fromkeys(node.inputs + node.outputs) if name]
        self._buffers = {name: self._filled(constants.get(name), node.types[name], rng) for name in names}
        if node.state is not None:
            self._buffers[node.inputs[1]] = self._buffers[node.outputs[node.state]]
        self._workspace = gpu.allocate(node.plan.workspace_bytes)
        inputs, outputs = (
            [self._buffers[name].address if name else None for name in names] for names in (node.inputs, node.outputs)
        )
        launches = node.plan.launches(inputs, outputs, self._workspace.address)
        self._functions = {launch.kernel: module.function(launch.kernel) for launch in launches}
        self._compared = self._buffers[node.outputs[0]] if node.gated else None
        self._graph = self._captured(launches)
        self._fills = self._captured([]) if self._compared else None

    def _captured(self, launches):
        with self._stream.capture() as graph:
            for _ in range(self._runs):
                if self._compared:
                    self._stream.fill32(self._compared.address, NAN, self._compared.bytes // WORD)
                for launch in launches:
                    self._stream.launch(self._functions[launch.kernel], launch)
        return graph

    def activate(self, mask):
        self._stream.upload(self._buffers[self._node.inputs[0]].address, mask)
        self._graph.launch(self._stream)
        self._stream.synchronize("running " + self._node.name)

    def time_ms(self):
        """-> ms of one run, without the fills."""
        fills = graph_ms(self._gpu, self._stream, self._fills) if self._fills else 0
        return (graph_ms(self._gpu, self._stream, self._graph) - fills) / self._runs

    def _filled(self, array, kind, rng):
        """array: None for an activation, which is random, or a mask, which is full."""
        shape, dtype = kind
        if array is None:
            array = (rng.standard_normal(shape) if dtype.kind == "f" else np.ones(shape)).astype(dtype)
        array = np.ascontiguousarray(array)
        buffer = self._gpu.allocate(-(-array.nbytes // WORD) * WORD)
        self._stream.upload(buffer.address, array)
        self._stream.synchronize("filling memory")
        return buffer


def measure(planned: Planned, gpu, torch=None, runs=RUNS, turns=TURNS):
    """-> one row for each kind of layer and share: {"layer", "times" (layers of the kind), "op_type", "shape", "share",
    "skip_ms", "dense_ms", "efficiency", "mhz" (None where unknown)}. torch: for the dense times, which are None without
    it."""
    module = gpu.module(compile.cubin(gpu.sm))
    constants = {tensor.name: tensor.array() for tensor in planned.model.graph.initializers}
    kinds: dict[tuple, Node] = {}
    count: Counter = Counter()
    for node in planned.nodes:
        if node.op_type in MEASURED:
            kinds.setdefault(_kind(node), node)
            count[_kind(node)] += 1
    rows = []
    for kind, node in kinds.items():
        skip = SkipLayer(node, constants, gpu, module, runs)
        rows += [dict(row, times=count[kind]) for row in _measure(node, skip, torch, runs, turns)]
    return rows


def _kind(node):
    """Nodes of one kind take the same time."""
    own = sorted((key, str(value)) for key, value in node.attributes.items() if key not in ("threshold", "weights"))
    return str(own), node.gated, str(node.own), node.types[node.outputs[0]][0]


def _measure(node, skip, torch, runs, turns):
    rng = np.random.default_rng(2)
    grid = node.types[node.inputs[0]][0]
    dense = DenseLayer(torch, node, runs) if torch else None
    times = defaultdict(list)
    one = 1 / (grid[0] * grid[1])
    chosen = {share: masks.clustered(grid, max(share, one), rng) for share in SHARES}
    mhz = warm_up(lambda: skip.activate(chosen[1.0]))
    for turn in range(turns):
        for share in timing.alternating(SHARES, turn):
            skip.activate(chosen[share])
            times[share].append(skip.time_ms())
            if dense:
                times["dense"].append(dense.time_ms())
    dense_ms = float(np.median(times["dense"])) if dense else None
    for share in SHARES:
        skip_ms = float(np.median(times[share]))
        yield {
            "layer": node.name or node.outputs[0],
            "op_type": node.op_type,
            "shape": list(node.types[node.outputs[0]][0]),
            "share": float(chosen[share].mean()),
            "asked": share,
            "skip_ms": skip_ms,
            "dense_ms": dense_ms,
            "efficiency": dense_ms * float(chosen[share].mean()) / skip_ms if dense_ms else None,
            "mhz": mhz,
        }
