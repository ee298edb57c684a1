"""What the lists of cases do not say: values on a threshold, drift, NaN, activations' ranges, shared operators."""

import threading

import numpy as np
import pytest
from opcases.convolution import ACTIVATIONS, conv, transpose
from opcases.convolution import depthwise as depthwise_conv
from opcases.fused import separable
from opcases.implementations import each, on_cpu
from opcases.local import pool, resize
from opcases.problems import Problem, float32_values, poison, problem, same_bits

from patchskip.plugins import library
from patchskip.plugins.reference import operators, patches


def depthwise(tag, size, channels, _, **rest):
    return depthwise_conv(tag, size, channels, **rest)


def average_pool(tag, size, channels, _, **rest):
    return pool("AveragePool", tag, size, channels, 3, 1, (1, 1, 1, 1), **rest)


def linear(tag, size, channels, _, **rest):
    return resize("-" + tag, (size[0] - 1, size[1] - 1), size, channels, "linear", "half_pixel", **rest)


def call(operator, attributes, inputs, outputs, alias=None):
    return Problem("edge", operator, attributes, inputs, (), outputs, alias or {}, [], [], None)


@each
@pytest.mark.parametrize("channels", [4, 16, 32])
def test_a_difference_equal_to_the_threshold_is_no_change(implementation, channels):
    x = np.zeros((1, 4, 8, channels), np.float32)
    x[:, :, :4] = 0.5  # the first patch differs by exactly the threshold, the second by the next number above
    x[:, :, 4:] = np.nextafter(np.float32(0.5), np.float32(1))
    cache = np.zeros_like(x)
    attributes = dict(op_type="Identity", patch=4, cell=2, threshold=0.5)
    active = np.ones((1, 2), np.int32)
    y, changed = implementation.run(
        call("PatchSkip", attributes, [active, cache, x], [cache, poison((1, 2), np.int32)], {0: 1})
    )
    assert changed.tolist() == [[0, 1]]
    assert (y[:, :, :4] == 0).all() and (y[:, :, 4:] == x[:, :, 4:]).all()

    gate = dict(mode="delta", patch=4, cell=2, threshold=0.5)
    reference = np.zeros((2, 4, channels), np.float32)
    active, new = implementation.run(
        call("PatchGate", gate, [x, reference], [poison((1, 2), np.int32), reference], {1: 1})
    )
    assert active.tolist() == [[0, 1]]
    assert (new[:, :2] == 0).all() and (new[:, 2:] == x[0, 0, 4, 0]).all()


@each
def test_differences_of_either_sign_do_not_cancel_across_cells_or_channels(implementation):
    x = np.zeros((1, 4, 4, 2), np.float32)
    x[0, :2, :, 0], x[0, 2:, :, 0] = 1, -1
    x[..., 1] = -x[..., 0]
    cache = np.zeros_like(x)
    outputs = [poison(x.shape), poison((1, 1), np.int32)]
    for cell, changed in ((1, 1), (2, 1), (4, 0)):  # within one cell they do: noise is averaged away
        attributes = dict(op_type="Identity", patch=4, cell=cell, threshold=0.5)
        found = implementation.run(call("PatchSkip", attributes, [np.ones((1, 1), np.int32), cache, x], outputs))[1]
        assert found.tolist() == [[changed]], cell


@each
@pytest.mark.parametrize("operator", ["PatchGate", "PatchSkip"])
def test_slow_drift_adds_up(implementation, operator):
    """0.1 more on each frame, threshold 0.25: committed on every third frame after the first."""
    state = poison((1, 2, 2, 4)) if operator == "PatchSkip" else poison((1, 1, 4))
    history = []
    for frame in range(8):
        x = np.full((1, 2, 2, 4), 0.1 * frame, np.float32)
        if operator == "PatchSkip":
            attributes = dict(op_type="Identity", patch=2, cell=1, threshold=0.25)
            inputs = [np.ones((1, 1), np.int32), state, x]
            state, changed = implementation.run(
                call(operator, attributes, inputs, [state, poison((1, 1), np.int32)], {0: 1})
            )
        else:
            attributes = dict(mode="delta", patch=2, cell=2, threshold=0.25)
            changed, state = implementation.run(
                call(operator, attributes, [x, state], [poison((1, 1), np.int32), state], {1: 1})
            )
        history.append(int(changed[0, 0]))
    assert history == [1, 0, 0, 1, 0, 0, 1, 0]


@each
@pytest.mark.parametrize("make", [conv, depthwise, separable, average_pool, linear], ids=lambda make: make.__name__)
@pytest.mark.parametrize("activation, params", ACTIVATIONS[:7] + ACTIVATIONS[8:11] + ACTIVATIONS[12:])
@pytest.mark.parametrize("patch", (2, 3))
def test_a_nan_in_the_halo_is_read_and_goes_no_further(implementation, patch, make, activation, params):
    """MaxPool is left out: it may lose a NaN, as ONNX Runtime's does."""
    tag = "nan-p{}-{}{}".format(patch, activation, len(params))
    case = problem(
        make(tag, (9, 9), 19, 19, patch=patch, mask="checkerboard", in_place=0, activation=activation, params=params)
    )
    x = case.inputs[2].copy()
    x[0, x.shape[1] // 3, 1, 2] = np.nan  # beside active patches, and in an inactive one (Resize: on the border)
    inputs = case.inputs[:2] + [x] + case.inputs[3:]
    expected = patches.patch_skip(*inputs, **case.attributes)[0]
    found = implementation.run(case._replace(name=case.name + " with a NaN", inputs=inputs))[0]
    kept = ~case.chosen
    assert 0 < (np.isnan(expected) & case.chosen).sum() < case.chosen.sum()
    assert (np.isnan(found) == np.isnan(expected))[case.chosen].all()
    assert same_bits(found, case.inputs[1])[kept].all()


@on_cpu
@pytest.mark.parametrize(
    "make",
    [
        conv("halves", (5, 7), 96, 80, kernel=(3, 3), stride=(1, 2), mask="checkerboard", in_place=0),
        conv("halves", (4, 5), 264, 250, kernel=1, mask="single"),
        conv("halves", (6, 6), 256, 160, kernel=3, group=2, patch=1, mask="checkerboard"),
        conv("halves", (6, 6), 90, 96, kernel=3, patch=2, mask="checkerboard"),
        transpose("halves", (5, 4), 80, 72, 4, 2, pads=(1, 1, 1, 1), mask="checkerboard"),
    ],
    ids=lambda case: case.name,
)
def test_many_weights_that_are_float16_numbers(implementation, make):
    """Kernels may keep them as such."""
    case = problem(make)
    inputs = list(case.inputs)
    inputs[3] = inputs[3].astype(np.float16).astype(np.float32)
    assert inputs[3].ndim == 4 and inputs[3].size >= 65536
    expected = patches.patch_skip(*inputs, **case.attributes)[0]
    found = implementation.run(case._replace(name=case.name + " of float16", inputs=inputs))[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@on_cpu
def test_float16_numbers_give_the_sums_that_they_give_as_float32(implementation, rng):
    weights = rng.standard_normal((96, 90, 5, 2)).astype(np.float16).astype(np.float32)
    weights[80:] += 1e-7  # these are none: all of them are float32
    x, bias = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 8, 7, 90), (96,)))
    found = []
    for outputs in (80, 96):
        attributes = dict(op_type="Conv", patch=2, kernel_shape=[5, 2], pads=[2, 0, 2, 1])
        y = poison((1, 8, 7, outputs))
        inputs = [np.ones((4, 4), np.int32), y, x, weights[:outputs], bias[:outputs]]
        found.append(implementation.run(call("PatchSkip", attributes, inputs, [y], {0: 1}))[0][..., :80])
    assert same_bits(*found).all()


@on_cpu
@pytest.mark.parametrize("kernel, group", [(1, 1), (3, 1), (5, 32), (3, 32)])
def test_a_large_bias_costs_no_accuracy(implementation, kernel, group):
    """It is rounded once, not at each of a sum's terms: in a picture's empty parts the error is the same everywhere."""
    case = problem(conv("bias", (9, 10), 32, 32, kernel, 2, group=group, patch=4, mask="full", in_place=0))
    inputs = list(case.inputs)
    inputs[4] = np.full_like(inputs[4], 4096)
    found = implementation.run(case._replace(inputs=inputs))[0]
    none = implementation.run(case._replace(inputs=[*inputs[:4], np.zeros_like(inputs[4])]))[0]
    assert np.abs(found - 4096.0 - none).max() < 0.51 * np.spacing(np.float32(4096))


@each
@pytest.mark.parametrize("activation, params", ACTIVATIONS, ids=lambda value: str(value))
def test_activation_over_its_whole_range(implementation, activation, params):
    values = np.concatenate(
        [
            np.linspace(-110, 110, 40000),
            np.linspace(-1, 1, 10001),
            np.logspace(-45, 38, 8000),
            -np.logspace(-45, 38, 8000),
            [np.inf, 0.0, -0.0],
        ]
    ).astype(np.float32)
    if activation in ("SiLU", "HardSwish"):
        values = values[values > -1e30]  # x times what has long been rounded to 0
    else:
        values = np.append(values, np.float32(-np.inf))
    x = np.resize(values, (1, 260, 260, 1))
    params = (0.75,) if params == "per channel" else float32_values(params)
    attributes = dict(op_type="Identity", patch=4, activation=activation)
    if params:
        attributes["activation_params"] = params
    active = np.ones((65, 65), np.int32)
    with np.errstate(over="ignore", invalid="ignore"):
        found = implementation.run(call("PatchSkip", attributes, [active, x, x], [poison(x.shape)]))[0]
        expected = operators.activate(x.astype(np.float64), activation, params).astype(np.float32)
        error = np.abs(found.astype(np.float64) - expected)
    good = (error <= 2e-6 * np.abs(expected) + 1e-7) | (found == expected)
    assert good.all(), (x[~good][:5], found[~good][:5], expected[~good][:5])


def test_one_operator_runs_in_several_threads_at_once():
    """Many streams share one model: its packed weights too, and the first calls may come together."""
    case = problem(conv("shared", (30, 30), 24, 40, patch=4, in_place=0))
    for _ in range(10):
        operator = library.Operator(case.operator, case.attributes)
        results = [[poison(output.shape, output.dtype) for output in case.outputs] for _ in range(4)]
        threads = [threading.Thread(target=operator.run, args=(case.inputs, result)) for result in results]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = [poison(output.shape, output.dtype) for output in case.outputs]
        library.Operator(case.operator, case.attributes).run(case.inputs, expected)
        assert all(same_bits(a, b).all() for result in results for a, b in zip(result, expected))


def test_an_operator_keeps_nothing_between_calls():
    case = problem(conv("again", (12, 12), 8, 16, patch=4, mask="random", in_place=0))
    operator = library.Operator(case.operator, case.attributes)

    def run(active):
        outputs = [poison(output.shape, output.dtype) for output in case.outputs]
        operator.run([active] + case.inputs[1:], outputs)
        return outputs

    first = run(case.inputs[0])
    run(np.ones_like(case.inputs[0]))
    run(np.zeros_like(case.inputs[0]))
    assert all(same_bits(a, b).all() for a, b in zip(first, run(case.inputs[0])))
