"""What the lists of cases do not say: values exactly on a threshold, drift, packing, several threads in one operator."""
import threading

import numpy as np
import pytest
from opcases.implementations import each
from opcases.problems import Problem, poison, problem, same_bits
from opcases.convolution import conv

from patchskip.plugins import library
from patchskip.plugins.reference import patches


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
        call("PatchSkip", attributes, [active, cache, x], [cache, poison((1, 2), np.int32)], {0: 1}))
    assert changed.tolist() == [[0, 1]]
    assert (y[:, :, :4] == 0).all() and (y[:, :, 4:] == x[:, :, 4:]).all()

    gate = dict(mode="delta", patch=4, cell=2, threshold=0.5)
    reference = np.zeros((2, 4, channels), np.float32)
    active, new = implementation.run(
        call("PatchGate", gate, [x, reference], [poison((1, 2), np.int32), reference], {1: 1}))
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
        found = implementation.run(
            call("PatchSkip", attributes, [np.ones((1, 1), np.int32), cache, x], outputs))[1]
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
                call(operator, attributes, inputs, [state, poison((1, 1), np.int32)], {0: 1}))
        else:
            attributes = dict(mode="delta", patch=2, cell=2, threshold=0.25)
            changed, state = implementation.run(
                call(operator, attributes, [x, state], [poison((1, 1), np.int32), state], {1: 1}))
        history.append(int(changed[0, 0]))
    assert history == [1, 0, 0, 1, 0, 0, 1, 0]


@each
def test_a_nan_in_the_halo_is_read_and_goes_no_further(implementation):
    case = problem(conv("nan-halo", (9, 9), 5, 19, patch=3, mask="checkerboard", in_place=0))
    x = case.inputs[2].copy()
    x[0, 3, 1, 2] = np.nan  # in an inactive patch, beside active ones
    inputs = case.inputs[:2] + [x] + case.inputs[3:]
    expected = patches.patch_skip(*inputs, **case.attributes)[0]
    found = implementation.run(case._replace(name="nan-halo", inputs=inputs))[0]
    assert 0 < np.isnan(expected).sum() < expected.size
    assert (np.isnan(found) == np.isnan(expected)).all()


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
