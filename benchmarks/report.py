"""The benchmark's results as one HTML page: pictures and all in one file, nothing fetched from elsewhere."""

import base64
import html

import numpy as np

from patchskip.benchmarks import accuracy, every_nth, plots
from patchskip.benchmarks.measure import frames_of
from patchskip.benchmarks.plots import DENSE, SKIP
from patchskip.runtime import opencv, sinks, skeletons
from patchskip.runtime.tasks import coco

SHOWN_SCORE = 0.4
MAX_LAYERS = 200

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1e21; max-width: 900px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem }
.headline { display: flex; flex-wrap: wrap; gap: 2.5rem; margin: 1.2rem 0 }
.headline b { display: block; font-size: 2.4rem; line-height: 1.1; color: #0b7a4b } .headline span { color: #5c626b }
table { border-collapse: collapse; width: 100% } th { font-weight: 600; color: #5c626b }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid #e6e8eb;
font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left }
.key th { text-align: left; width: 12rem } .key td { text-align: left; overflow-wrap: anywhere }
.valid { background: #e5f4ec } .invalid { background: #fdecea } .valid, .invalid { padding: .6rem 1rem }
.layers td { border: 0; padding: .05rem .6rem; font-size: 13px } .layers td:first-child { max-width: 20rem;
overflow: hidden; text-overflow: ellipsis; white-space: nowrap } .bar { width: 45% }
.bar i { display: block; height: .7em; background: #0b7a4b } .bar { background: #f3f4f6 }
img, svg { max-width: 100%; height: auto } figcaption, .note { color: #5c626b; font-size: 13px } figure { margin: 0 }
@media (prefers-color-scheme: dark) { body { background: #16181b; color: #e4e6e9 } .valid { background: #14301f }
.invalid { background: #3a1a17 } .bar { background: #22262b } th, td { border-color: #2c3036 } }
"""


def page(result, times, quality, picture=None):
    """-> HTML text.

    result: the benchmark's JSON; times: measure.Times of dense, skip and more; quality: measure.Quality; picture:
    (JPEG bytes, caption) or None.
    """
    dense, skip = (record.total for record in times[:2])
    sections = [
        _headline(result),
        _verdict(result),
        _figure(picture),
        "<h2>Time of a frame</h2>" + _times_table(result),
        plots.over_frames([("dense", dense, DENSE), ("patch-skipping", skip, SKIP)], "ms", "end to end, every frame"),
        _every_nth(result),
        "<h2>Share of the multiplications made</h2>",
        plots.over_frames([("active", 100 * quality.active, SKIP)], "%", "of the network's MACs, every frame", top=100),
        "<h2>Layers</h2>" + _layers(result["layers"]),
        "<h2>What was measured, on what</h2>" + _key_table(_setting(result)),
    ]
    title = f"{_name(result)}: {result['speedup']:.1f}x"
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style>\n'
        + "\n".join(section for section in sections if section)
        + "\n</html>\n"
    )


def example(source, quality):
    """-> (JPEG bytes, caption) of the frame whose active share is the median one: skipped patches dark, boxes drawn."""
    cv2 = opencv.load()
    order = np.argsort(quality.active[1:], kind="mergesort")
    index = int(order[len(order) // 2]) + 1
    frame = next(image for i, image in enumerate(frames_of(source)) if i == index).copy()
    sinks.shade(frame, *quality.masks[index])
    boxes = quality.boxes[index]
    if quality.skeleton:
        skeletons.draw(frame, boxes, quality.skeleton)
    elif boxes is not None:
        sinks.draw(frame, boxes[boxes[:, 4] > SHOWN_SCORE], lambda number: coco.name(number, quality.classes))
    ok, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 85])
    share = quality.active[index]
    caption = f"Frame {index}: the dark patches were skipped; {share:.1%} of the multiplications were made."
    return (data.tobytes(), caption) if ok else None


def _name(result):
    return result["model"].replace("\\", "/").rsplit("/", 1)[-1]


def _headline(result):
    numbers = [
        (f"{result['speedup']:.2f}x", "faster than dense, end to end"),
        (f"{result['inference_speedup']:.2f}x", "for the network alone"),
        (f"{result['active_macs']:.1%}", "of the multiplications made"),
        (f"{result['fidelity']['max_rel_error']:.2g}", "largest relative error of an output"),
    ]
    measured = result.get("accuracy", {}).get("skip", {})
    if "keypoints_within_5pct" in measured:
        near = measured["keypoints_within_5pct"]
        numbers.append((f"{near:.1%}", "of dense's keypoints, within 5 % of the person"))
    for name in ("ap50", "hota"):
        if name in measured:
            dense, skip = (result["accuracy"][kind][name] for kind in ("dense", "skip"))
            points = f"points of {accuracy.TITLES[name]} ({dense:.4f} to {skip:.4f})"
            numbers.append((f"{100 * (skip - dense):+.2f}", points))
    cells = "".join(f"<div><b>{value}</b><span>{html.escape(text)}</span></div>" for value, text in numbers)
    return f'<h1>{html.escape(_name(result))}</h1><div class="headline">{cells}</div>'


def _verdict(result):
    if result["valid"]:
        return '<p class="valid">Nothing was found that would spoil the measurement.</p>'
    items = "".join(f"<li>{html.escape(reason)}</li>" for reason in result["reasons"])
    return f'<div class="invalid">These numbers are not to be trusted:<ul>{items}</ul></div>'


def _figure(picture):
    if not picture:
        return ""
    data, caption = picture
    source = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    caption = html.escape(caption)
    return f'<figure><img alt="{caption}" src="{source}"><figcaption>{caption}</figcaption></figure>'


def _times_table(result):
    keys = ("mean_ms", "p50_ms", "p90_ms", "p99_ms")
    head = "".join(f"<th>{key[:-3]} (ms)</th>" for key in keys)
    rows = []
    for kind in ("dense", "skip"):
        stages = {"end to end": result[kind], **result[kind]["stages"]}
        for stage, values in stages.items():
            cells = "".join(f"<td>{values[key]:.3f}</td>" for key in keys)
            rows.append(f"<tr><td>{kind}, {stage}</td>{cells}</tr>")
    first = result["first_frame"]
    note = (
        f"{result['frames']} frames counted; the first frame, apart: dense {first['dense_ms']:.2f} ms, skip "
        f"{first['skip_ms']:.2f} ms. {result['interleave']}."
    )
    return f'<table><tr><th></th>{head}</tr>{"".join(rows)}</table><p class="note">{html.escape(note)}</p>'


def _every_nth(result):
    if "every_nth" not in result:
        return ""
    columns, rows = every_nth.table(result)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    section = f"<h2>On every n-th frame</h2><table><tr>{head}</tr>{body}</table>"
    curves = every_nth.curves(result)
    if curves is None:
        return section
    title, lines = curves
    label = f"{title} over the speed-up, end to end; the lines are dense and skip on every frame and on every n-th"
    return section + plots.over_speedup(lines, label) + f'<p class="note">{every_nth.verdict(result)}</p>'


def _layers(layers):
    rows = []
    for layer in layers[:MAX_LAYERS]:
        share = 100 * layer["active"]
        rows.append(
            f"<tr><td>{html.escape(layer['name'])}</td><td>{html.escape(layer['op_type'])}</td>"
            f"<td>{layer['macs'] / 1e6:.2f}</td><td>{share:.1f} %</td>"
            f'<td class="bar"><i style="width:{share:.1f}%"></i></td></tr>'
        )
    more = f'<p class="note">and {len(layers) - MAX_LAYERS} more</p>' if len(layers) > MAX_LAYERS else ""
    head = "<tr><th>name</th><th>operator</th><th>MMAC</th><th>active</th><th></th></tr>"
    return f'<table class="layers">{head}{"".join(rows)}</table>{more}'


def _setting(result):
    names = {"model": "model", "dense_model": "dense network", "source": "source"}
    rows = {label: result[key] for key, label in names.items() if key in result}
    rows["efficiency"] = f"{result['efficiency']:.2f} (inference speed-up x share of the multiplications made)"
    rows["mean relative error"] = f"{result['fidelity']['mean_rel_error']:.3g}"
    return {**rows, **result["environment"]}


def _key_table(rows):
    cells = "".join(
        f"<tr><th>{html.escape(str(key))}</th><td>{html.escape(str(value))}</td></tr>"
        for key, value in rows.items()
        if value is not None
    )
    return f'<table class="key">{cells}</table>'
