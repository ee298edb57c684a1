"""The report's plots, as SVG."""

import html
import math

import numpy as np

WIDTH, HEIGHT = 860, 220  # of a plot, in CSS pixels
LEFT, TOP, RIGHT, BOTTOM = 56, 10, 6, 28
SMALLEST = 1e-12  # top of a plot: what is below it all is nothing
DENSE, SKIP, QUIET = "#8a8f98", "#0b7a4b", "#d9dce1"


def over_frames(series, unit, label, top=None, counted="frame"):
    """Lines over the frames, or over what else is counted from 0. series: [(name, values, colour)]."""
    with np.errstate(invalid="ignore"):  # of infinities
        top = top or max(float(np.percentile(values, 99.5)) for _, values, _ in series) * 1.15
    if not SMALLEST <= top < np.inf:
        top = 1.0
    count = max(len(values) for _, values, _ in series)
    parts = _grid(0, top, unit)
    for position, (name, values, colour) in enumerate(series):
        points = [
            (i / max(1, count - 1), min(value, top) / top) for i, value in enumerate(values) if not math.isnan(value)
        ]
        parts.append(_line(points, colour))
        parts.append(
            f'<text x="{WIDTH - RIGHT}" y="{14 + 16 * position}" text-anchor="end" fill="{colour}" '
            f'font-weight="600">{html.escape(name)}</text>'
        )
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 6}">{counted} 0</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{count - 1}</text>')
    return _svg(parts, label)


def over_speedup(lines, label):
    """An accuracy, 0..1, over the speed-up. lines: {"dense": [(speed-up, accuracy, name)], "skip": same}."""
    every = np.array([(speed, value) for line in lines.values() for speed, value, _ in line], float)
    right = every[:, 0].max() * 1.1
    low, high = every[:, 1].min(), every[:, 1].max()
    room = max(0.15 * (high - low), 0.01)
    low, high = low - room, high + room
    parts = _grid(low, high, "")
    step = _nice(right / 8)
    for tick in np.arange(step, right, step):
        x, _ = _place(tick / right, 0)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{tick:g}x</text>')
    for kind, colour in (("dense", DENSE), ("skip", SKIP)):
        places = [(speed / right, (value - low) / (high - low)) for speed, value, _ in lines[kind]]
        parts.append(_line(places, colour))
        for place, (_, _, name) in zip(places, lines[kind]):
            x, y = _place(*place)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
            parts.append(f'<text x="{x + 7:.1f}" y="{y - 5:.1f}" fill="{colour}">{html.escape(name)}</text>')
    return _svg(parts, label)


COLOURS = (DENSE, SKIP, "#b4560f", "#3b5fc0", "#8e3a80")  # of the lines of `frontiers`, in order


def frontiers(series, level, label):
    """Accuracy, 0..1, over cost. series: {name: [(cost, accuracy)]}, by rising cost. level: the dense network's."""
    every = np.array([point for points in series.values() for point in points], float)
    left, right = every[:, 0].min() * 0.9, max(every[:, 0].max() * 1.1, SMALLEST)
    low, high = every[:, 1].min(), max(every[:, 1].max(), level)
    room = max(0.08 * (high - low), 0.005)
    low, high = low - room, high + room
    parts = _grid(low, high, "")
    step = _nice((right - left) / 8)
    for tick in np.arange(np.ceil(left / step) * step, right, step):
        x, _ = _place((tick - left) / (right - left), 0)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{tick:g} %</text>')
    parts.append(_line([(0, (level - low) / (high - low)), (1, (level - low) / (high - low))], QUIET))
    for position, ((name, points), colour) in enumerate(zip(series.items(), COLOURS)):
        places = [((cost - left) / (right - left), (value - low) / (high - low)) for cost, value in points]
        parts.append(_line(places, colour))
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in (_place(*p) for p in places)]
        parts.append(
            f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - BOTTOM - 8 - 16 * position}" text-anchor="end" fill="{colour}" '
            f'font-weight="600">{html.escape(name)}</text>'
        )
    return _svg(parts, label)


def _grid(low, high, unit):
    """Level lines from `low` at the bottom to `high` at the top."""
    parts = []
    step = _nice((high - low) / 4)
    for tick in np.arange(np.ceil(low / step - 1e-9) * step, high + 1e-9 * step, step):
        _, y = _place(0, (tick - low) / (high - low))
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="{QUIET}" stroke-width=".5"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{f"{tick:g} {unit}".strip()}</text>'
        )
    return parts


def _line(points, colour):
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_place(*point) for point in points))
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.4"/>'


def _place(x, y):
    """Shares of the width and the height, from the lower left corner -> pixels."""
    return LEFT + (WIDTH - LEFT - RIGHT) * x, TOP + (HEIGHT - BOTTOM - TOP) * (1 - y)


def _svg(parts, label):
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(label)}" font-size="12" '
        f'fill="{DENSE}">{"".join(parts)}</svg><p class="note">{html.escape(label)}</p>'
    )


def standalone(drawing):
    """A plot as a file of its own: SVG, on white."""
    head, _, rest = drawing.partition("font-size")
    body = rest[: rest.index("</svg>")]
    opened = head.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" ', 1)
    start, _, inside = (opened + "font-size" + body).partition(">")
    return f'{start}><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>{inside}</svg>\n'


def _nice(step):
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(step))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step)
