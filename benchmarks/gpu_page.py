"""The results of gpu_check as a page of Markdown."""

import numpy as np

TOP = """# {name}

Made by `python -m patchskip.benchmarks.gpu_check` (`make gpu-check`).
"""

FRAMES = """
## Whole frames against the CPU

*largest*: the error of any kept tensor on any frame, as a share of its largest magnitude; *rms*: the root mean square,
as a share of the tensor's. *full*, *rest*: milliseconds of a frame's kernels, replayed as one CUDA graph, when
everything is computed and when nothing changed. *MHz*: the multiprocessors' clock after half a second of these, right
before they were timed.
"""

LAYERS = """
## Layers

float16. *efficiency* = dense ms x active share / ms, the dense ms being cuDNN's convolutions alone, channels last, as
PyTorch calls them: without bias, activation, residual and joining of channels, which ours include, and of an input that
is padded already where the pads of two sides differ. Each is a CUDA graph of {runs} runs, the median of {turns} turns
in which the variants alternate; what is read lies in the cache where it fits. Constants are the network's, activations
random. A layer with a gate commits all of its active patches: what it keeps is filled with NaN before each run, and the
time of the fills, a graph of their own, is subtracted. *MHz* as above, after half a second of the layer.
"""


def page(result):
    """result: of gpu_check.check."""
    gpu = result["gpu"]
    lines = [TOP.format(name=gpu["name"])]
    lines += [f"- {key}: {value}" for key, value in gpu.items() if value is not None]
    lines += ["", "## The operators' cases", "", result["cases"]["summary"]]
    lines += [f"- {line}" for line in result["cases"].get("failed", [])]
    lines += [FRAMES, *_table(map(_frame, result["frames"]))]
    if result["layers"]:
        lines += [LAYERS.format(**result["timing"])]
        lines += [f"No dense times: {result['without_dense']}\n"] if result["without_dense"] else []
        for name in dict.fromkeys(row["network"] for row in result["layers"]):
            rows = [row for row in result["layers"] if row["network"] == name]
            lines += [f"### {name}", "", *_table(_layers(rows)), ""]
    return "\n".join(lines).rstrip() + "\n"


def _frame(row):
    return {
        "network": row["network"],
        "precision": row["precision"],
        "frames": row["frames"],
        "tensors": row["tensors"],
        "largest": f"{row['largest']:.2g}",
        "rms": f"{row['rms']:.2g}",
        "agrees": "yes" if row["same"] else f"no: {row['worst']}",
        "kernels": row["launches"],
        "full": f"{row['full_ms']:.3f}",
        "rest": f"{row['rest_ms']:.3f}",
        "MHz": row["mhz"] or "-",
    }


def _layers(rows):
    """One line for each kind of layer, and the geometric means over all of a network's layers."""
    shares = list(dict.fromkeys(row["asked"] for row in rows))
    for first in rows[:: len(shares)]:
        kind = [row for row in rows if row["layer"] == first["layer"]]
        line = {
            "layer": first["layer"],
            "operator": first["op_type"],
            "output": "x".join(str(n) for n in first["shape"][1:]),
            "times": first["times"],
            "dense ms": _ms(first["dense_ms"]),
        }
        line.update({f"ms at {row['asked']:.0%}": _ms(row["skip_ms"]) for row in kind})
        line.update({f"efficiency {row['asked']:.0%}": _ratio(row["efficiency"]) for row in kind})
        line["MHz"] = first["mhz"] or "-"
        yield line
    means = {
        "layer": "geometric mean",
        "operator": "",
        "output": "",
        "times": sum(r["times"] for r in rows[:: len(shares)]),
    }
    means["dense ms"] = _ms(_mean([(row["dense_ms"], row["times"]) for row in rows[:: len(shares)]]))
    for key, name, text in (("skip_ms", "ms at", _ms), ("efficiency", "efficiency", _ratio)):
        for share in shares:
            means[f"{name} {share:.0%}"] = text(_mean([(r[key], r["times"]) for r in rows if r["asked"] == share]))
    means["MHz"] = ""
    yield means


def _mean(pairs):
    """Geometric mean of (value, times); None where a value is."""
    values, times = zip(*pairs)
    if None in values:
        return None
    return float(np.exp(np.average(np.log(values), weights=times)))


def _table(rows):
    rows = list(rows)
    if not rows:
        return ["nothing"]
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    return lines + ["| " + " | ".join(str(value) for value in row.values()) + " |" for row in rows]


def _ms(value):
    return "-" if value is None else f"{value:.4f}"


def _ratio(value):
    return "-" if value is None else f"{value:.2f}"
