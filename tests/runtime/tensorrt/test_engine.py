"""Engines, on the emulated GPU with a fake TensorRT: outputs are ONNX Runtime's, and what can go wrong is said."""

import gc
import json
import threading

import numpy as np
import pytest
from engines import GRID, SHAPE, frames, picture, sums, write_engine

import patchskip
from patchskip import PatchskipError

VERSIONS = ("8.2.1.8", "10.3.0")


@pytest.fixture
def expected(tmp_path):
    """expected(exported) -> a stream of ONNX Runtime's."""
    pytest.importorskip("onnxruntime")

    def open(exported):
        path = tmp_path / "expected.onnx"
        path.write_bytes(exported)
        return patchskip.load(path).stream()

    return open


@pytest.fixture
def engine(tmp_path, tensorrt):
    """engine(exported, version, ...) -> Model."""

    def build(exported=None, version=VERSIONS[0], precision="float32", **changes):
        tensorrt(version)
        exported = sums() if exported is None else exported
        return patchskip.load(write_engine(tmp_path / "net.engine", exported, precision, tensorrt=version, **changes))

    return build


@pytest.mark.parametrize("dense", [False, True], ids=["graph", "plain"])
@pytest.mark.parametrize("version", VERSIONS)
def test_outputs_are_those_of_onnx_runtime(engine, expected, rng, version, dense):
    exported = sums(with_dense_nodes=dense)
    model, other = engine(exported, version), expected(exported)
    stream = model.stream()
    for i, frame in enumerate(frames(rng, 6)):
        if i == 4:
            stream.reset()
            other.reset()
            frame["active"][:] = 1
        found, wanted = stream.infer(frame), other.infer(frame)
        assert list(found) == list(wanted)
        for name in wanted:
            np.testing.assert_array_equal(found[name], wanted[name])
        assert stream.stats["layers"] == other.stats["layers"]
        assert stream.stats["active_macs"] == other.stats["active_macs"]
        np.testing.assert_array_equal(stream.image_mask()[0], frame["active"])
    captured = stream.stats["cuda_graph"]
    assert captured == "used" if not dense else captured.startswith("not used: ") and "\n" not in captured


def test_what_an_engine_knows(engine):
    model = engine()
    assert model.inputs[0] == {"name": "x", "shape": list(SHAPE), "dtype": "float32", "layout": "NHWC"}
    assert model.outputs == [{"name": "z", "shape": list(SHAPE), "dtype": "float32"}]
    assert [layer["op_type"] for layer in model.layers] == ["Add", "Mul"]
    stream = model.stream()
    assert stream.stats == {} and stream.state_bytes == 2 * 4 * np.prod(SHAPE)
    array = stream.allocate((2, 3), "float32")
    assert array.shape == (2, 3) and array.dtype == np.float32


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("options", [{"gate": "exact"}, {"gate": "delta", "input": "u8"}], ids=["exact", "delta u8"])
@pytest.mark.parametrize("version", VERSIONS)
def test_pictures(engine, expected, rng, version, options, precision):
    """An exported network: gates, frames of bytes, a dense node at the end."""
    exported = picture(**options)[1]
    model, other = engine(exported, version, precision), expected(exported)
    assert model.inputs == other.model.inputs and model.outputs == other.model.outputs
    stream, shape = model.stream(), model.inputs[0]["shape"]
    frame = rng.randint(0, 120, shape).astype(model.inputs[0]["dtype"])
    for i in range(5):
        if i == 3:
            stream.reset()
            other.reset()
        frame.flat[rng.randint(0, frame.size)] += 40
        found, wanted = (one.infer({"images": frame})["output"] for one in (stream, other))
        error = np.abs(found - wanted).max() / np.abs(wanted).max()
        assert found.dtype == wanted.dtype and error < (1e-6 if precision == "float32" else 1e-3)
        np.testing.assert_array_equal(stream.image_mask()[0], other.image_mask()[0])
        assert stream.stats["active_macs"] == other.stats["active_macs"]


def test_skipped_patches_keep_their_memory(engine, rng):
    stream = engine().stream()
    first, second = frames(rng, 2)
    second["active"][:] = 0
    before = stream.infer(first)["z"]
    np.testing.assert_array_equal(stream.infer(second)["z"], before)


def test_streams_share_the_engine_and_nothing_else(engine, expected, rng):
    model = engine()
    clips = [list(frames(rng, 8)) for _ in range(3)]
    wanted = []
    for clip in clips:
        other = expected(sums())
        wanted.append([other.infer(frame)["z"] for frame in clip][-1])
    streams, found = [model.stream() for _ in clips], [None] * len(clips)

    def work(i):
        for frame in clips[i]:
            found[i] = streams[i].infer(frame)["z"]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(clips))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_views_change_and_copies_stay(engine, rng):
    stream = engine().stream()
    first, second = frames(rng, 2)
    second["active"][:] = 1
    view, copy = stream.infer(first, copy=False)["z"], stream.infer(first)["z"]
    stream.infer(second)
    assert (view != copy).any()


def test_memory_is_given_back(engine, gpu):
    from patchskip.plugins.cuda import driver

    model, device = engine(), driver.device()
    model.stream()
    gc.collect()
    before = device.free_bytes()
    stream = model.stream()
    assert device.free_bytes() < before
    del stream
    gc.collect()
    assert device.free_bytes() == before


def test_a_wrong_input_leaves_the_stream_running(engine, rng):
    stream, (first, second) = engine().stream(), frames(rng, 2)
    stream.infer(first)
    with pytest.raises(PatchskipError, match="float64"):
        stream.infer({"x": second["x"].astype(np.float64), "active": second["active"]})
    stream.infer(second)


def test_an_error_in_mid_stream(engine, rng, monkeypatch):
    stream, (first, second) = engine().stream(), frames(rng, 2)
    stream.infer(first)
    monkeypatch.setenv("PATCHSKIP_EMULATED_FAIL_AT", "8")  # three runs of two kernels, then the second of two
    with pytest.raises(PatchskipError) as error:
        stream.infer(second)
    assert "net.engine" in str(error.value) and "CUDA_ERROR_LAUNCH_FAILED" in str(error.value)
    assert str(error.value).endswith("start it anew")
    with pytest.raises(PatchskipError, match="failed on an earlier frame"):
        stream.infer(second)
    with pytest.raises(PatchskipError, match="filling memory.*start it anew"):
        stream.reset()


def test_tensorrt_that_refuses_one_run(engine, rng, monkeypatch):
    stream, clip = engine(sums(with_dense_nodes=True)).stream(), list(frames(rng, 2))
    stream.infer(clip[0])
    enqueue, execution = stream._execution._enqueue, stream._execution

    def refuse(handle):
        execution._log.log("error", "no kernel\nwas found")
        return False

    monkeypatch.setattr(execution, "_enqueue", refuse)
    with pytest.raises(PatchskipError, match=r"could not run the network \(no kernel was found\); call reset\(\)"):
        stream.infer(clip[1])
    monkeypatch.setattr(execution, "_enqueue", enqueue)
    stream.reset()
    stream.infer(clip[0])


def test_too_little_memory(engine, monkeypatch):
    """Whatever the allocation is that fails: one line, and all is given back."""
    from patchskip.plugins.cuda import driver

    model, device, messages = engine(), driver.device(), []
    gc.collect()
    used = device.total_bytes - device.free_bytes()
    for free in range(500, 100000, 500):
        monkeypatch.setenv("PATCHSKIP_EMULATED_MEMORY", str(used + free))
        try:
            model.stream()
            break
        except PatchskipError as error:
            messages.append(str(error))
        gc.collect()
        assert device.free_bytes() == free
    assert all(
        "net.engine: " in text and "OUT_OF_MEMORY" in text and "close other programs" in text for text in messages
    )
    for words in ("allocating 0.0 MiB on emulated, where", "page-locked", "no memory for one more stream"):
        assert any(words in text for text in messages), words
    assert len(messages) > 10


def refused(build, *words, **changes):
    with pytest.raises(PatchskipError) as error:
        build(**changes)
    message = str(error.value)
    assert "\n" not in message and all(word in message for word in ("net.engine", *words)), message


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"sm": 87, "gpu": "Orin"}, ["Orin (sm_87)", "emulated (sm_53)", "patchskip build net.patchskip.onnx"]),
        ({"plugin": {"kind": "c++", "version": "0", "sha256": ""}}, ["plugin 0, here is 1", "patchskip build"]),
        ({"plugin": {"kind": "python", "version": "1", "sha256": ""}}, ["python, here is c++", "patchskip build"]),
        ({"format": 2}, [".json is of format 2, not 1", "build the engine again"]),
        ({"metadata": {"format": 1, "inputs": None}}, ["metadata cannot be read", "export it again"]),
        ({"engine": {"sha256": "0", "bytes": 1}}, ["bytes, 1 when it was built", "copy it again"]),
    ],
)
def test_an_engine_of_something_else(engine, changes, words):
    refused(engine, *words, **changes)


def test_an_engine_of_another_tensorrt(engine, tensorrt, tmp_path):
    tensorrt("8.2.1.8")
    path = write_engine(tmp_path / "net.engine", sums(), tensorrt="8.5.2.2")
    refused(lambda: patchskip.load(path), "TensorRT 8.5.2, here is 8.2.1", "patchskip build")


def damage(path, change):
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda path: damage(path, lambda data: data.__delitem__(slice(-9, None))), ["bytes", "copy it again"]),
        (lambda path: damage(path, lambda data: data.__setitem__(99, data[99] ^ 1)), ["SHA-256", "copy it again"]),
        (lambda path: path.write_bytes(b""), ["the file is empty"]),
        (lambda path: path.with_name("net.engine.json").unlink(), ["No such file", "copy both files"]),
        (lambda path: path.with_name("net.engine.json").write_text("{"), ["not JSON", "build the engine again"]),
        (lambda path: path.with_name("net.engine.json").write_text("[]"), ["format None"]),
    ],
)
def test_a_damaged_engine(tensorrt, tmp_path, spoil, words):
    tensorrt()
    path = write_engine(tmp_path / "net.engine", sums())
    spoil(path)
    refused(lambda: patchskip.load(path), *words)


def test_a_sidecar_without_a_key(tensorrt, tmp_path):
    tensorrt()
    path = write_engine(tmp_path / "net.engine", sums())
    sidecar = json.loads(path.with_name("net.engine.json").read_text())
    del sidecar["plugin"]
    path.with_name("net.engine.json").write_text(json.dumps(sidecar))
    refused(lambda: patchskip.load(path), "without 'plugin'")


def test_an_engine_that_tensorrt_refuses(tensorrt, tmp_path):
    import hashlib

    tensorrt()
    path = write_engine(tmp_path / "net.engine", sums())
    data = b"no engine at all"
    sidecar = json.loads(path.with_name("net.engine.json").read_text())
    sidecar["engine"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    path.with_name("net.engine.json").write_text(json.dumps(sidecar))
    path.write_bytes(data)
    refused(lambda: patchskip.load(path), "TensorRT 8.2.1.8 cannot load", "not an ONNX file", "patchskip build")


def test_no_gpu(tmp_path):
    path = write_engine(tmp_path / "net.engine", sums())
    with pytest.raises(PatchskipError, match="no usable NVIDIA driver"):
        patchskip.load(path)


def test_no_tensorrt(gpu, tmp_path, monkeypatch):
    import sys

    from patchskip.runtime.tensorrt import loading

    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setattr(loading, "_loaded", {})
    path = write_engine(tmp_path / "net.engine", sums())
    with pytest.raises(PatchskipError, match="TensorRT cannot be imported.*apt install python3-libnvinfer"):
        patchskip.load(path)


def test_masks_are_those_of_the_frame(engine, rng):
    """They are copied from the GPU when they are asked for, once."""
    stream = engine().stream()
    for frame in frames(rng, 4):
        stream.infer(frame)
        for _ in range(2):
            np.testing.assert_array_equal(stream.image_mask()[0], frame["active"])
    assert stream.image_mask()[0].shape == GRID
