"""A whole network on the emulated GPU, over a clip: PatchSkip, PatchGate and PatchMask nodes are the CUDA kernels."""

from itertools import islice

import numpy as np
import pytest
from engines import with_pass_gates, write_engine

import patchskip
from patchskip.benchmarks.demo_network import build
from patchskip.runtime.model import frame_size
from patchskip.runtime.pipeline import REVISIT, Pipeline
from patchskip.runtime.synthetic import Synthetic

pytest.importorskip("onnxruntime")

CLIP = "synthetic://?size={1}x{0}&frames=5&shapes=2&noise={2}"
# Of the largest magnitude: what float32 sums in another order, and float16 activations, may differ by.
TOLERANCE = {"float32": 1e-5, "float16": 2e-2}
BOXES = [(5, 3, 40, 30), (50, 20, 90, 60)]
# sm_80 and newer have tensor cores for convolutions.
precisions = pytest.mark.parametrize("precision, sm", [("float32", 53), ("float16", 53), ("float16", 87)])


@pytest.fixture
def network(tmp_path, tensorrt, exported, monkeypatch):
    """network(precision, sm, **options of convert) -> (the model on the emulated GPU, in ONNX Runtime).

    Or of another `export` than the demonstration network's.
    """

    def load(precision, sm, export=exported, **options):
        tensorrt()
        monkeypatch.setenv("PATCHSKIP_EMULATED_SM", str(sm))
        data, path = export(**options), tmp_path / "net.onnx"
        path.write_bytes(data)
        return patchskip.load(write_engine(tmp_path / "net.engine", data, precision, sm=sm)), patchskip.load(path)

    return load


def pictures(noise, entry):
    for frame in Synthetic(CLIP.format(*frame_size(entry), noise)):
        yield frame[None] if entry["dtype"] == "uint8" else frame.transpose(2, 0, 1)[None].astype(np.float32)


def clip(model, noise=0):
    (entry,) = model.inputs
    for picture in pictures(noise, entry):
        yield {entry["name"]: np.ascontiguousarray(picture)}


def assert_close(found, wanted, tolerance):
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        worst = np.abs(found[name].astype(np.float64) - value).max()
        assert worst <= tolerance * np.abs(value).max(), name


@pytest.mark.parametrize("input", ["float", "u8"])
@precisions
def test_exact(network, precision, sm, input):
    """As ONNX Runtime has it, and bit for bit what computing every patch gives."""
    model, other = network(precision, sm, gate="exact", input=input)
    stream, whole, expected = model.stream(), model.stream(), other.stream()
    active = []
    for feeds in clip(other):
        found = stream.infer(feeds)
        assert_close(found, expected.infer(feeds), TOLERANCE[precision])
        active.append(stream.stats["active_macs"])
        whole.reset()
        for name, value in whole.infer(feeds).items():
            np.testing.assert_array_equal(found[name], value)
    assert 0 < active[-1] < active[0]


@precisions
def test_frames_that_the_model_resizes(network, precision, sm):
    """Patches of 10 pixels of the frame, of 16 of the picture."""
    model, other = network(precision, sm, gate="exact", input="u8", frame_size=(40, 60))
    stream, expected, active = model.stream(), other.stream(), []
    for feeds in clip(other):
        assert_close(stream.infer(feeds), expected.infer(feeds), TOLERANCE[precision])
        active.append(stream.stats["active_macs"])
    assert 0 < active[-1] < active[0]


@pytest.mark.parametrize("halo", ["none", "full"])
@precisions
def test_delta(network, precision, sm, halo):
    assert_same_decisions(*network(precision, sm, gate="delta", halo=halo), precision)


@pytest.mark.parametrize("input", ["float", "u8"])
@precisions
def test_delta_with_weights_and_cells(network, rng, precision, sm, input):
    """Gates at every layer that can have one, which look at some of the channels, a pixel at a time."""
    from patchskip.export import Gate, analyse

    analysis = analyse(build((64, 96)))
    gates = {"images": Gate(4.0, 2, np.array([1, 0.5, 2]))}
    for layer in analysis.candidates():
        gates[layer.name] = Gate(0.02, 1, rng.randint(0, 3, layer.shape[3]).astype(np.float32))
    model, other = network(precision, sm, gate="delta", gates=gates, input=input)
    assert len(model.metadata["gates"]) == len(gates) > 2
    assert_same_decisions(model, other, precision)


@precisions
def test_pass_gates(network, precision, sm):
    """Ordinary nodes, which read states and make masks."""
    model, other = network(precision, sm, with_pass_gates)
    assert_same_decisions(model, other, precision)


@pytest.mark.parametrize("anew", [{"refresh": 3}, {"revisit": 2}])
@precisions
def test_parts_that_are_computed_anew(network, precision, sm, anew):
    """They are forgotten on the GPU: where nothing moves they are computed, and nothing else is."""
    model, other = network(precision, sm, gate="delta", input="u8", threshold=0.3)
    assert_same_decisions(model, other, precision, anew)
    plain, told = model.stream(), model.stream(**anew)
    (feeds,) = [{name: array.copy() for name, array in feeds.items()} for feeds in islice(clip(other), 1)]
    shares = []
    for _ in range(8):
        for stream in (plain, told):
            stream.infer(feeds)
            stream.found(BOXES)
        shares.append((plain.stats["active_macs"], told.stats["active_macs"]))
    assert all(one == 0 for one, _ in shares[1:]) and 0 < max(other for _, other in shares[1:]) < 0.8


def test_what_was_found_is_computed_anew_by_itself(network):
    model, _ = network("float32", 53, gate="delta", input="u8")
    pipeline = Pipeline(model)
    assert pipeline.task is not None and pipeline.revisit == REVISIT


def assert_same_decisions(model, other, precision, anew=None):
    """The same patches as in ONNX Runtime are active, and so the same mistakes are made."""
    stream, expected = (one.stream(**(anew or {})) for one in (model, other))
    for feeds in clip(other, noise=1.5):
        stream.found(BOXES)
        expected.found(BOXES)
        found, wanted = stream.infer(feeds), expected.infer(feeds)
        assert_close(found, wanted, TOLERANCE[precision])
        assert stream.stats["active_macs"] == expected.stats["active_macs"]
