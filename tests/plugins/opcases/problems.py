"""A case's arrays, drawn from its name; the outputs expected of it, and how far from them a result may lie."""

import zlib
from typing import NamedTuple

import numpy as np

from patchskip.plugins.reference import patches

from . import bounds
from .specs import WEIGHTS, Gate, Mask, Skip


class Problem(NamedTuple):
    """One call of an operator. `outputs` is the memory it finds: an output in `alias` is that input's memory."""

    name: str
    operator: str
    attributes: dict
    inputs: list  # None: absent
    constants: tuple  # which inputs are weights
    outputs: list
    alias: dict  # {output: input}
    expected: list
    tolerance: list  # arrays, or 0
    chosen: object  # PatchSkip: bool, Y's shape: computed, not kept; what is kept is so bit for bit


def rng_of(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def draw(name, choices):
    return choices[zlib.crc32(name.encode()[::-1]) % len(choices)]


_built = {}


def problem(spec, dtype="float32"):
    """The case's problem, built once, with activations of type `dtype`. Its arrays are not to be written to."""
    if (spec.name, dtype) not in _built:
        _built[spec.name, dtype] = build(spec, np.dtype(dtype))
    return _built[spec.name, dtype]


def build(spec, dtype):
    if isinstance(spec, Mask):
        return _mask(spec)
    return {Skip: _skip, Gate: _gate}[type(spec)](spec, dtype)


def make_mask(kind, grid, rng):
    mask = np.zeros(grid, np.int32)
    if kind == "full":
        mask[:] = 1
    elif kind == "single":
        mask[rng.integers(grid[0]), rng.integers(grid[1])] = 1
    elif kind == "random":
        mask[:] = rng.random(grid) < 0.4
        mask[rng.integers(grid[0]), rng.integers(grid[1])] = 1
    elif kind == "checkerboard":
        mask[:] = np.add.outer(np.arange(grid[0]), np.arange(grid[1])) % 2 == 0
    elif kind == "last row":
        mask[-1] = 1
    elif kind == "last column":
        mask[:, -1] = 1
    elif kind != "empty":
        raise ValueError("mask {!r} is none of specs.MASKS".format(kind))
    return mask


def poison(shape, dtype=np.float32):
    """Memory that nothing may be taken from."""
    return np.full(shape, np.nan if np.issubdtype(dtype, np.floating) else -77, dtype)


def rounded(values, dtype):
    """float32 values that memory of type `dtype` can hold."""
    return values.astype(dtype).astype(np.float32)


def float32_values(values):
    """Attribute values as float32 holds them, so that every implementation reads the same numbers."""
    return tuple(float(np.float32(value)) for value in values)


def gate_weights(kind, channels, rng):
    """-> the attribute's values; "some zero" are 0 in channel 0 and in about a third of the others."""
    if kind not in WEIGHTS:
        raise ValueError("weights {!r} are none of specs.WEIGHTS".format(kind))
    drawn = rng.uniform(0.1, 3, channels) * (rng.random(channels) > 1 / 3) * (np.arange(channels) > 0)
    return {"ones": (1.0,) * channels, "zero": (0.0,) * channels, "some zero": float32_values(drawn)}[kind]


def normalise(attributes):
    return {key: float32_values(value) if key in ("scale", "bias") else value for key, value in attributes.items()}


# PatchSkip


def _skip(spec, dtype):
    rng = rng_of(spec.name)
    patch = spec.patch or draw(spec.name, (1, 2, 3, 4, 8))
    in_place = draw(spec.name + " in place", (False, True)) if spec.in_place < 0 else bool(spec.in_place)
    attributes = normalise(spec.attributes)
    flat, planar = spec.op_type == "Flatten", spec.op_type == "Planes"
    base = spec.inputs[0][:2] if flat else spec.output[:2]
    active = make_mask(spec.mask, patches.grid(base, patch), rng)
    picture = spec.op_type == "Image"
    operands = [_activation(spec, i, shape, active, patch, base, rng) for i, shape in enumerate(spec.inputs)]
    if spec.op_type == "DeformConv":
        operands[1] = operands[1] * np.float32(max(spec.inputs[0][:2]) if spec.far else 1.5)
    operands = operands if picture else [rounded(x, dtype) for x in operands]
    weights = [rounded(w, dtype) if w.ndim > 1 else w for w in _weights(spec, rng)]
    constants = tuple(range(2 + len(operands), 2 + len(operands) + len(weights)))
    operands += weights
    params = _parameters(spec.params, spec.output[2], rng)
    if "inner_activation_params" in attributes:
        channels = sum(shape[2] for shape in spec.inputs)
        attributes["inner_activation_params"] = _parameters(attributes["inner_activation_params"], channels, rng)
    if spec.residual != "none":
        operands.append(rounded(rng.standard_normal((1,) + spec.output), dtype))
    call = dict(op_type=spec.op_type, patch=patch, **attributes)
    if spec.activation != "None" or draw(spec.name, (False, True)):  # the default is sometimes left out
        call["activation"] = spec.activation
    if params:
        call["activation_params"] = params
    if spec.residual != "none":
        call["residual"] = spec.residual

    height, width, channels = spec.output
    shape = (1, width, channels) if flat else (1, channels, height, width) if planar else (1,) + spec.output
    cache = rounded(rng.standard_normal(shape), dtype)
    if spec.cell:
        cache = rounded(_gated_cache(call, active, cache, operands, rng), dtype)
        call["cell"] = spec.cell
        weights = gate_weights(spec.weights, spec.output[2], rng) if spec.weights else 1.0
        call["threshold"] = _between(_patch_differences(call, active, cache, operands, spec.cell, weights, dtype))
        if spec.weights:
            call["weights"] = weights
    if spec.cache == "nan":
        cache = poison(shape)
    elif spec.cache == "nan unweighted":
        _disturb(cache[0], patch, spec.cache, rng, 0)

    with np.errstate(invalid="ignore"):
        expected, changed = patches.patch_skip(active, cache, *operands, **call)
    if flat:
        zeros, ones = np.zeros(shape, np.float32), [np.ones_like(x) for x in operands]
        chosen = patches.patch_skip(active, zeros, *ones, op_type="Flatten", patch=patch)[0] == 1
    else:
        pixels = patches.to_pixels(changed, patch, base)
        chosen = np.broadcast_to(pixels if planar else pixels[..., None], shape)
    tolerance = bounds.patch_skip(
        spec.op_type, operands, base, spec.activation, params, spec.residual, attributes, dtype=dtype
    )
    tolerance = np.where(chosen, tolerance, 0)
    expected = np.where(tolerance == 0, rounded(expected, dtype), expected)
    cache = cache.astype(dtype)
    operands = [x if i + 2 in constants or picture and i == 0 else x.astype(dtype) for i, x in enumerate(operands)]
    outputs = [cache if in_place else poison(shape, dtype), poison(active.shape, np.int32)]
    if not spec.cell and draw(spec.name + " changed", (False, True)):
        outputs = outputs[:1]  # `changed` is optional
    return Problem(
        spec.name,
        "PatchSkip",
        call,
        [active, cache] + operands,
        constants,
        outputs,
        {0: 1} if in_place else {},
        [expected, changed][: len(outputs)],
        [tolerance, 0][: len(outputs)],
        chosen,
    )


def _activation(spec, index, shape, active, patch, base, rng):
    """X [1, H, W, C]: of large, distinct values under the inactive patches, which the active ones' halo must read."""
    x = rng.standard_normal(shape).astype(np.float32)
    rows, cols = (np.arange(n) * b // n for n, b in zip(shape[:2], base))
    under = patches.to_pixels(active, patch, base)[np.ix_(rows, cols)]
    if base != (1, 1):
        x[~under] = (x[~under] + 4) * 30
    if spec.op_type == "Image":
        x = np.round(rng.uniform(0, 255, shape)).astype(np.float32)
        x = x + rng.standard_normal(shape).astype(np.float32) if spec.dtype == "float32" else x
        x = np.transpose(x, (2, 0, 1)) if spec.attributes["layout"] == "NCHW" else x
    return np.ascontiguousarray(x[None].astype(spec.dtype if index == 0 else np.float32))


def _parameters(params, channels, rng):
    return float32_values(rng.uniform(-0.5, 1.5, channels) if params == "per channel" else params)


def _weights(spec, rng):
    """W and B of each of the operator's convolutions, in turn."""
    kernel, group = tuple(spec.attributes.get("kernel_shape", ())), spec.attributes.get("group")
    c_in, c_out = sum(shape[2] for shape in spec.inputs), spec.output[2]
    shapes = {
        "Conv": lambda: [(c_out, c_in // group) + kernel],
        "DeformConv": lambda: [(c_out, spec.inputs[0][2] // group) + kernel],
        "ConvTranspose": lambda: [(c_in, c_out // group) + kernel],
        "SeparableConv": lambda: [(c_in, 1) + kernel, (c_out, c_in, 1, 1)],
        "ConcatConv": lambda: [(c_out, c_in, 1, 1)],
    }
    found = []
    for shape in shapes.get(spec.op_type, list)():
        terms = np.prod(shape[1:] if spec.op_type != "ConvTranspose" else (c_in // group,) + kernel)
        outputs = shape[0] if spec.op_type != "ConvTranspose" else c_out
        found.append((rng.standard_normal(shape) / np.sqrt(terms)).astype(np.float32))
        found.append(rng.standard_normal(outputs).astype(np.float32))
    return found


def _gated_cache(call, active, noise, operands, rng):
    """The operator's result, disturbed differently in each patch and not at all in some."""
    size = noise.shape[1:3]
    result = patches.patch_skip(np.ones_like(active), noise, *operands, **call)[0]
    amount = rng.uniform(0.05, 1, active.shape) * (rng.random(active.shape) < 0.8)
    rows, cols = (np.arange(n) // call["patch"] for n in size)
    return (result + noise * amount[np.ix_(rows, cols)][None, :, :, None]).astype(np.float32)


def _patch_differences(call, active, cache, operands, cell, weights, dtype):
    """The largest of each active patch's cells' differences, as the gate computes them."""
    result = rounded(patches.patch_skip(np.ones_like(active), cache, *operands, **call)[0], dtype)
    cells = (np.abs(patches.cell_means((result.astype(np.float64) - cache)[0], cell)) * weights).mean(axis=-1)
    return _largest(cells, call["patch"] // cell, active.shape)[active != 0]


def _largest(cells, step, grid):
    rows, cols = (np.arange(n) * step for n in grid)
    return np.maximum.reduceat(np.maximum.reduceat(cells, rows, axis=0), cols, axis=1)


def _between(values):
    """A threshold that no value is near: in the widest gap between `values` (and 0), of their middle half if it can."""
    values = np.sort(np.append(np.asarray(values)[np.isfinite(values)], 0.0))
    if values[-1] < 1e-3:  # nothing but rounding
        return 0.25
    middle = values[len(values) // 4 : 3 * len(values) // 4 + 1]
    for part in (middle, values):
        at = int(np.argmax(np.diff(part))) if len(part) > 1 else 0
        if len(part) > 1 and part[at + 1] - part[at] > 0.01 * values[-1]:
            break
    return float(np.float32((part[at] + part[at + 1]) / 2))


# PatchMask, PatchGate


def _mask(spec):
    rng = rng_of(spec.name)
    masks = [
        make_mask(kind, patches.grid(size, patch), rng)
        for kind, size, patch in zip(spec.masks, spec.in_sizes, spec.in_patch)
    ]
    call = dict(size=spec.size, patch=spec.patch, in_patch=spec.in_patch, windows=spec.windows)
    expected = patches.patch_mask(masks, **call)
    return Problem(
        spec.name, "PatchMask", call, masks, (), [poison(expected.shape, np.int32)], {}, [expected], [0], None
    )


def _gate(spec, dtype):
    rng = rng_of(spec.name)
    call = normalise(spec.attributes)
    patch, size, delta = call["patch"], spec.size[:2], call["mode"] == "delta"
    image = {key: call[key] for key in ("layout", "channels", "scale", "bias") if key in call}
    x = rng.uniform(0, 255, spec.size) if "layout" in call else rng.standard_normal(spec.size)
    x = x.astype(spec.dtype)
    if spec.differs == "nan input":
        x[tuple(rng.integers(n) for n in spec.size)] = np.nan
    x = np.ascontiguousarray((np.transpose(x, (2, 0, 1)) if call.get("layout") == "NCHW" else x)[None])
    value = patches.as_image(x, **image)
    grid = patches.grid(size, patch)
    candidates = make_mask(spec.candidates, grid, rng) if spec.candidates else None
    if delta:
        cell = call["cell"]
        reference = patches.cell_means(value[0], cell).astype(np.float32)
        _disturb(reference, patch // cell, spec.differs, rng, float(np.nanstd(value)) + 0.1)
        weights = gate_weights(spec.weights, value.shape[-1], rng) if spec.weights else 1.0
        cells = (np.abs(patches.cell_means(value[0], cell) - reference) * weights).mean(axis=-1)
        call["threshold"] = (
            0.25 if spec.differs == "none" else _between(_largest(cells, patch // cell, grid).reshape(-1))
        )
        if spec.weights:
            call["weights"] = weights
    else:
        reference = value.astype(dtype)
        _disturb(reference[0], patch, spec.differs, rng, 3.0)
    active, new = patches.patch_gate(x, reference, candidates, **call)
    inputs = [x, reference] + ([candidates] if candidates is not None else [])
    outputs, expected, tolerance, alias = [poison(grid, np.int32)], [active], [0], {}
    if delta:
        in_place = draw(spec.name + " in place", (False, True)) if spec.in_place < 0 else bool(spec.in_place)
        taken = patches.to_pixels(active, patch // cell, reference.shape)[..., None]
        outputs.append(reference if in_place else poison(reference.shape))
        alias = {1: 1} if in_place else {}
        expected.append(new)
        tolerance.append(np.where(taken, bounds.gate_reference(x, cell, **image), 0))
    return Problem(spec.name, "PatchGate", call, inputs, (), outputs, alias, expected, tolerance, None)


def _disturb(reference, step, differs, rng, scale):
    """Changes `reference` [H, W, C] in about half of its patches of `step` pixels; the others stay equal."""
    if differs == "none":
        return
    for y in range(0, reference.shape[0], step):
        for x in range(0, reference.shape[1], step):
            if rng.random() < 0.5:
                continue
            part = reference[y : y + step, x : x + step]
            at = tuple(rng.integers(n) for n in part.shape)
            if differs == "nan reference":
                part[at] = np.nan
            elif differs == "nan unweighted":
                part[at[:2]][0] = np.nan
            elif differs == "smallest":
                part[at] = np.nextafter(part[at], part.dtype.type(np.inf))
            else:
                part += (rng.uniform(0.1, 1) * scale * rng.standard_normal(part.shape)).astype(part.dtype)


# Variants, and what is asked of a result


def full(problem):
    """The same inputs with every patch active, nothing gated and Y in memory of its own."""
    call = {key: value for key, value in problem.attributes.items() if key not in ("threshold", "cell", "weights")}
    active = np.ones_like(problem.inputs[0])
    outputs = [poison(problem.outputs[0].shape, problem.outputs[0].dtype)]
    return problem._replace(
        name=problem.name + " full", attributes=call, inputs=[active] + problem.inputs[1:], outputs=outputs, alias={}
    )


def needs_cache(spec, dtype="float32"):
    """Image's cache is what says that it is to be float16."""
    return spec.cell > 0 or spec.op_type in ("Flatten", "Planes") or (spec.op_type == "Image" and dtype == "float16")


def without_cache(problem):
    """The same, nothing being kept: Y is defined on the active patches only, and has to be told its shape."""
    call = dict(problem.attributes, shape=problem.outputs[0].shape)
    inputs = problem.inputs[:1] + [None] + problem.inputs[2:]
    outputs = [poison(problem.outputs[0].shape, problem.outputs[0].dtype)]
    return problem._replace(name=problem.name + " uncached", attributes=call, inputs=inputs, outputs=outputs, alias={})


def check(problem, outputs):
    """Raises AssertionError, naming the worst element, when an output is not what is expected."""
    for i, (found, expected, tolerance) in enumerate(zip(outputs, problem.expected, problem.tolerance)):
        assert found.shape == expected.shape and found.dtype == problem.outputs[i].dtype
        found = found.astype(expected.dtype)
        tolerance = np.broadcast_to(tolerance, expected.shape)
        with np.errstate(invalid="ignore"):
            error = np.abs(found.astype(np.float64) - expected)
            right = (error <= tolerance) | (found == expected) | (np.isnan(found) & np.isnan(expected))
        if i == 0 and problem.chosen is not None:
            right &= problem.chosen | same_bits(found, expected)
        wrong = ~right
        if wrong.any():
            at = tuple(int(v) for v in np.argwhere(wrong)[0])
            if expected.dtype == np.float32:
                worst = np.where(wrong, np.nan_to_num(error / np.maximum(tolerance, 1e-30), nan=np.inf), 0)
                at = tuple(int(v) for v in np.unravel_index(worst.argmax(), worst.shape))
            raise AssertionError(
                "{}: output {}: {} of {} elements wrong; at {} found {!r}, expected {!r} within {:.3g}{}".format(
                    problem.name,
                    i,
                    int(wrong.sum()),
                    wrong.size,
                    at,
                    found[at],
                    expected[at],
                    tolerance[at],
                    "" if problem.chosen is None or i or problem.chosen[at] else " (kept from the cache)",
                )
            )


def same_bits(a, b):
    """Equal bit for bit, any NaN being equal to any other."""
    if not np.issubdtype(a.dtype, np.floating):
        return a == b
    bits = "i{}".format(a.itemsize)
    return (a.view(bits) == b.view(bits)) | (np.isnan(a) & np.isnan(b))
