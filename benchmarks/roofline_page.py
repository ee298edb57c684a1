"""The predictions of roofline.py as a page of Markdown and as plain data."""

from dataclasses import asdict

from patchskip.benchmarks import jetson_nano
from patchskip.benchmarks.jetson_nano import PARTS, Prediction

PAGE = """# What a Jetson Nano should need

**Predictions**, not measurements: made without the board by

```sh
python -m patchskip.benchmarks.roofline MODEL.patchskip.onnx ... -o docs/measurements/jetson-nano-roofline.md
```

The kernels' work is counted from the plans of a float16 model, launch by launch (`benchmarks/work.py`): multiplications
with what the tiles add to them, other operations, bytes of activations with their halo, of weights, masks and caches.
What the board makes of it is assumed (`benchmarks/jetson_nano.py`):

{assumptions}

## Whole frames, ms

*launches*: kernels of a frame. *100 %*, *10 %*, *3 %*: that share of every layer's patches is active, with the launches
in a CUDA graph; *without a graph*: each by a call of its own. *speedup*: TensorRT's dense network against ours.

{totals}

What a frame's time goes to: *multiplications* that the result needs; *tiles*: further ones that fill them, and what
small tiles take longer; other *operations*: activations, sums, conversions; *memory*, where it takes longer than the
arithmetic; *idle*: what those take longer because too few warps have something to do; *ranking* the patches in every
block; *launches* in a graph.

{parts}

TensorRT's column is rather too fast, above all for depthwise convolutions (`benchmarks/jetson_nano.py` says by what),
and so the speedups are rather too low. With everything active ours is slower: sums in float32 have half of the
arithmetic rate. Memory limits little: 128 cores are soon busy. The less is active, the more goes to tiles that are not
full (the small ones have 8 to 32 pixels; a late layer's patch may have one), to blocks too few to fill the GPU, to
launches. What few pixels read of the weights is assumed to come at the memory's full rate, also where a block waits.

## Layer by layer

ms, with a CUDA graph. *MMAC*: what the result needs; *tiles*: how many times that the kernel makes. *MB*: what is read
and written with every patch active. *limit*: the largest of the parts above.

{layers}
"""

ASSUMPTIONS = (
    ("FLOAT32_FLOPS", "float32 operations in a second: the ceiling of ours, which add in float32"),
    ("FLOAT16_FLOPS", "float16 operations in a second: TensorRT's ceiling"),
    ("BANDWIDTH", "bytes of memory in a second"),
    ("CONV_EFFICIENCY", "of the float32 rate, in the convolutions by matrix product"),
    ("SMALL_COST", "times that a multiplication takes in a small tile"),
    ("LANE_EFFICIENCY", "of the float32 rate, in all other arithmetic"),
    ("BANDWIDTH_EFFICIENCY", "of the memory's rate"),
    ("ENOUGH_WARPS", "warps below which both rates fall in proportion"),
    ("MASK_WORD_US", "microseconds of a warp to rank 32 patches, in every block before its work"),
    ("GRAPH_LAUNCH_US", "microseconds of a launch within a CUDA graph"),
    ("STREAM_LAUNCH_US", "microseconds of a launch by a call of its own"),
    ("TENSORRT_CONV_EFFICIENCY", "of the float16 rate, TensorRT's convolutions"),
    ("TENSORRT_DEPTHWISE_EFFICIENCY", "of the float16 rate, TensorRT's depthwise convolutions"),
)


def page(networks):
    """networks: {name: rows of roofline.row}."""
    return PAGE.format(
        assumptions="\n".join(
            f"- `{name}` = {_plain(getattr(jetson_nano, name))}: {what}" for name, what in ASSUMPTIONS
        ),
        totals="\n".join(totals(networks)),
        parts="\n".join(_parts(networks)),
        layers="\n\n".join(_layers(name, rows) for name, rows in networks.items()),
    )


def totals(networks):
    """-> the lines of a table of whole frames."""
    shares = list(next(iter(networks.values()))[0]["predicted"])
    head = ["network", "GMAC", "launches", *(f"{share:.0%}" for share in shares)]
    head += [f"{share:.0%} without a graph" for share in shares[1:]] + ["TensorRT dense"]
    head += [f"speedup at {share:.0%}" for share in shares]
    table = [head, ["---", *["---:"] * (len(head) - 1)]]
    for name, rows in networks.items():
        frame = {share: total(rows, share) for share in shares}
        dense = total(rows).graph_ms
        table.append(
            [
                name,
                f"{sum(row['macs'] for row in rows) / 1e9:.2f}",
                str(frame[shares[0]].count),
                *(f"{frame[share].graph_ms:.1f}" for share in shares),
                *(f"{frame[share].stream_ms:.1f}" for share in shares[1:]),
                f"{dense:.1f}",
                *(f"{dense / frame[share].graph_ms:.2f}" for share in shares),
            ]
        )
    return _lines(table)


def total(rows, share=None):
    """-> Prediction of a whole frame; without a share, of TensorRT's dense network."""
    return sum((row["tensorrt"] if share is None else row["predicted"][share] for row in rows), Prediction())


def plain(networks):
    """-> the same as numbers, lists and texts."""
    result = {}
    for name, rows in networks.items():
        shares = rows[0]["predicted"]
        result[name] = {
            "predicted": {str(share): _numbers(total(rows, share)) for share in shares},
            "tensorrt": _numbers(total(rows)),
            "layers": [
                {
                    **row,
                    "predicted": {str(share): _numbers(value) for share, value in row["predicted"].items()},
                    "tensorrt": _numbers(row["tensorrt"]),
                }
                for row in rows
            ],
        }
    return {"assumptions": {name: getattr(jetson_nano, name) for name, _ in ASSUMPTIONS}, "networks": result}


def _numbers(prediction):
    return {
        **asdict(prediction),
        "launches": prediction.launches,
        "graph_ms": prediction.graph_ms,
        "stream_ms": prediction.stream_ms,
    }


def _parts(networks):
    """Where the time of whole frames goes."""
    table = [["network", "active", *PARTS], ["---", "---:", *["---:"] * len(PARTS)]]
    for name, rows in networks.items():
        for share in rows[0]["predicted"]:
            frame = total(rows, share)
            shares = [f"{getattr(frame, part) / frame.graph_ms:.0%}" for part in PARTS]
            table.append([name, f"{share:.0%}", *shares])
    return _lines(table)


def _layers(name, rows):
    shares = list(rows[0]["predicted"])
    head = ["layer", "operator", "output", "kernels", "MMAC", "tiles", "MB"]
    head += [text for share in shares for text in (f"{share:.0%}", "limit")] + ["TensorRT"]
    table = [head, ["---"] * 4 + ["---:"] * 3 + ["---:", "---"] * len(shares) + ["---:"]]
    for row in rows:
        predicted = row["predicted"]
        table.append(
            [
                row["layer"],
                row["op_type"],
                "x".join(str(size) for size in row["shape"]),
                ", ".join(row["kernels"]),
                f"{row['macs'] / 1e6:.2f}",
                f"{row['padded_macs'] / row['macs']:.2f}" if row["macs"] else "",
                f"{row['bytes'] / 1e6:.2f}",
                *(text for share in shares for text in (f"{predicted[share].graph_ms:.3f}", predicted[share].limit)),
                f"{row['tensorrt'].graph_ms:.3f}",
            ]
        )
    return "\n".join([f"<details><summary>{name}</summary>", "", *_lines(table), "", "</details>"])


def _lines(table):
    return ["| " + " | ".join(cells) + " |" for cells in table]


def _plain(value):
    return ", ".join(f"{key} {n}" for key, n in value.items()) if isinstance(value, dict) else f"{value:g}"
