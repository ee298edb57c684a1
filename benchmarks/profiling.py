"""Where a patch-skipping network's time goes, node by node, at the activity of a clip."""

import os
import tempfile

import numpy as np

from patchskip.benchmarks.measure import frames_of
from patchskip.benchmarks.sessions import node_events
from patchskip.runtime.model import Model
from patchskip.runtime.onnx_session import Session, session_options
from patchskip.runtime.pipeline import Pipeline

SLOWEST = 20  # nodes that the table lists


def profile(path, threads, source, limit=None):
    """-> [{"name", "op_type", "macs", "active", "ms", "dense"}], means over all frames but the first, in graph order.

    From ONNX Runtime's own profiler, which counts whole microseconds: many small nodes are worth up to 1 us more each.
    op_type is PatchSkip's `op_type`, or the node's operator. macs and active are None for nodes that are no layers.
    """
    options = session_options()
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = os.path.join(folder, "skip")
        network = Session(path, options)
        model = Model(path, threads, network)
        pipeline = Pipeline(model, "none")
        shares = []
        for frame in frames_of(source, limit):
            pipeline(frame)
            shares.append([layer["active"] for layer in pipeline.stream.stats["layers"]])
        runs = node_events(network.session.end_profiling())
    later = slice(1, None) if len(runs) > 1 else slice(None)
    active = np.mean(shares[later], axis=0)
    layers = {layer["name"]: (layer, float(share)) for layer, share in zip(model.layers, active)}
    rows = []
    for name, (operator, _) in runs[-1].items():
        layer, share = layers.get(name, (None, None))
        rows.append(
            {
                "name": name,
                "op_type": layer["op_type"] if layer else operator,
                "macs": layer["macs"] if layer else None,
                "active": share,
                "ms": float(np.mean([run[name][1] for run in runs[later] if name in run])),
            }
        )
    return rows


def table(rows):
    """-> text: the time by operator, then the slowest nodes."""
    total = sum(row["ms"] for row in rows)
    kinds = {}  # type: dict
    for row in rows:
        count, ms = kinds.get(row["op_type"], (0, 0.0))
        kinds[row["op_type"]] = count + 1, ms + row["ms"]
    lines = [f"{'operator':16}{'nodes':>7}{'ms':>10}{'share':>8}"]
    for kind, (count, ms) in sorted(kinds.items(), key=lambda item: -item[1][1]):
        lines.append(f"{kind:16}{count:7}{ms:10.4f}{ms / total:8.1%}")
    lines.append(f"{'all':16}{len(rows):7}{total:10.4f}{1:8.1%}")
    lines.append(f"\n{'the slowest nodes':48}{'operator':16}{'MMAC':>9}{'active':>8}{'us':>9}{'GFLOP/s':>9}")
    for row in sorted(rows, key=lambda row: -row["ms"])[:SLOWEST]:
        macs, share, ms = row["macs"] or 0, row["active"], row["ms"]
        active = f"{share:8.1%}" if share is not None else f"{'':8}"
        speed = f"{2 * macs * share / ms / 1e6:9.1f}" if macs and ms else ""
        lines.append(f"{row['name'][-46:]:48}{row['op_type']:16}{macs / 1e6:9.2f}{active}{ms * 1e3:9.1f}{speed}")
    return "\n".join(lines)
