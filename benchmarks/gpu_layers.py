"""A model's convolutions on a GPU, layer by layer: ours at several active shares against cuDNN's dense ones."""

from collections import Counter, defaultdict

import numpy as np

from patchskip.benchmarks import masks, timing
from patchskip.benchmarks.dense_torch import DenseLayer
from patchskip.benchmarks.gpu_timing import graph_ms
from patchskip.benchmarks.planned import Node
from patchskip.plugins.cuda import compile

SHARES = (1.0, 0.25, 0.1, 0.05)
MEASURED = ("Conv", "ConvTranspose", "SeparableConv", "ConcatConv")
RUNS, TURNS = 20, 5  # runs in a graph; turns of every variant


class SkipLayer:
    """A node's kernels on the GPU, `runs` executions in a CUDA graph, on random activations."""

    def __init__(self, node: Node, gpu, module, runs):
        self._gpu, self._stream, self._runs = gpu, gpu.stream(), runs
        self._node, rng = node, np.random.default_rng(1)
        names = [name for name in dict.fromkeys(node.inputs + node.outputs) if name]
        self._buffers = {name: self._filled(node.types[name], rng) for name in names}
        if node.state is not None:
            self._buffers[node.inputs[1]] = self._buffers[node.outputs[node.state]]
        workspace = gpu.allocate(node.plan.workspace_bytes)
        inputs, outputs = (
            [self._buffers[name].address if name else None for name in names] for names in (node.inputs, node.outputs)
        )
        launches = node.plan.launches(inputs, outputs, workspace.address)
        functions = {launch.kernel: module.function(launch.kernel) for launch in launches}
        self._keep = workspace, functions
        with self._stream.capture() as self._graph:
            for _ in range(runs):
                for launch in launches:
                    self._stream.launch(functions[launch.kernel], launch)

    def activate(self, mask):
        self._stream.upload(self._buffers[self._node.inputs[0]].address, mask)
        self._graph.launch(self._stream)
        self._stream.synchronize("running " + self._node.name)

    def time_ms(self):
        """-> ms of one run."""
        return graph_ms(self._gpu, self._stream, self._graph) / self._runs

    def _filled(self, kind, rng):
        shape, dtype = kind
        values = rng.standard_normal(shape) if np.dtype(dtype).kind == "f" else np.ones(shape)
        array = np.ascontiguousarray(values.astype(dtype))
        buffer = self._gpu.allocate(-(-array.nbytes // 4) * 4)
        self._stream.upload(buffer.address, array)
        self._stream.synchronize("filling memory")
        return buffer


def measure(nodes, gpu, torch=None, runs=RUNS, turns=TURNS):
    """-> one row for each kind of layer and share: {"layer", "times" (layers of the kind), "op_type", "shape", "share",
    "skip_ms", "dense_ms", "efficiency"}. torch: for the dense times, which are None without it."""
    module = gpu.module(compile.cubin(gpu.sm))
    kinds: dict[tuple, Node] = {}
    count: Counter = Counter()
    for node in nodes:
        if node.op_type in MEASURED:
            kinds.setdefault(_kind(node), node)
            count[_kind(node)] += 1
    rows = []
    for kind, node in kinds.items():
        rows += [dict(row, times=count[kind]) for row in _measure(node, gpu, module, torch, runs, turns)]
    return rows


def _kind(node):
    """Nodes of one kind take the same time."""
    own = sorted((key, str(value)) for key, value in node.attributes.items() if key not in ("threshold", "weights"))
    return str(own), str(node.own), node.types[node.outputs[0]][0]


def _measure(node, gpu, module, torch, runs, turns):
    rng = np.random.default_rng(2)
    grid = node.types[node.inputs[0]][0]
    skip = SkipLayer(node, gpu, module, runs)
    dense = DenseLayer(torch, node, runs) if torch else None
    times = defaultdict(list)
    one = 1 / (grid[0] * grid[1])
    chosen = {share: masks.clustered(grid, max(share, one), rng) for share in SHARES}
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
        }
