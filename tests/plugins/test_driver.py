"""The CUDA driver by ctypes, on the emulated one."""

import ctypes
import gc

import numpy as np
import pytest

from patchskip.plugins.cuda import driver, emulator, libcuda, planning
from patchskip.runtime.errors import PatchskipError

SHAPE, GRID = (1, 6, 7, 8), (6, 7)
NAN = 0x7FFF7FFF


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", emulator.library())
    yield driver.device()
    gc.collect()  # an error's traceback holds the context, which is lost when it failed


class Doubling:
    """y = x + x on the GPU."""

    def __init__(self, gpu):
        self.x, self.y = (gpu.pinned(SHAPE, np.float32) for _ in range(2))
        self._x, self._y, self._mask = (gpu.allocate(size) for size in (self.x.nbytes, self.x.nbytes, 4 * 42))
        tensor = (SHAPE, np.float32)
        attributes = {"op_type": "Add", "patch": 1, "shape": SHAPE}
        plan = planning.Plan("PatchSkip", attributes, [(GRID, np.int32), None, tensor, tensor], 1)
        x, y = self._x.address, self._y.address
        self._launches = plan.launches([self._mask.address, None, x, x], [y], 0)
        module = gpu.module(b"any image: the emulated kernels are the list's")
        self._functions = {launch.kernel: module.function(launch.kernel) for launch in self._launches}
        self._all = np.ones(GRID, np.int32)

    def compute(self, stream):
        for launch in self._launches:
            stream.launch(self._functions[launch.kernel], launch)

    def run(self, stream, compute):
        stream.upload(self._mask.address, self._all)
        stream.upload(self._x.address, self.x)
        compute(stream)
        stream.download(self.y, self._y.address)
        stream.synchronize()


def test_a_kernel(gpu, rng):
    work, stream = Doubling(gpu), gpu.stream()
    work.x[...] = rng.normal(size=SHAPE)
    work.run(stream, work.compute)
    np.testing.assert_array_equal(work.y, 2 * work.x)


def test_a_graph(gpu, rng):
    work, stream = Doubling(gpu), gpu.stream()
    with stream.capture() as graph:
        work.compute(stream)
    for _ in range(3):
        work.x[...] = rng.normal(size=SHAPE)
        work.run(stream, graph.launch)
        np.testing.assert_array_equal(work.y, 2 * work.x)


def test_a_capture_that_fails_leaves_the_stream_usable(gpu, rng):
    work, stream = Doubling(gpu), gpu.stream()
    with pytest.raises(PatchskipError, match="capturing a graph.*CAPTURE"):
        with stream.capture(), pytest.raises(PatchskipError):
            stream.synchronize()
    with pytest.raises(KeyError):
        with stream.capture():
            raise KeyError
    work.x[...] = rng.normal(size=SHAPE)
    work.run(stream, work.compute)
    np.testing.assert_array_equal(work.y, 2 * work.x)


def test_fill_and_copy(gpu):
    stream, a, b = gpu.stream(), gpu.allocate(64), gpu.allocate(64)
    stream.fill32(a.address, NAN, 16)
    stream.copy(b.address, a.address, 64)
    for dtype in (np.float32, np.float16):
        found = np.zeros(64 // np.dtype(dtype).itemsize, dtype)
        stream.download(found, b.address)
        stream.synchronize()
        assert np.isnan(found).all()


def test_nothing_to_fill(gpu):
    stream = gpu.stream()
    stream.fill32(gpu.allocate(0).address, NAN, 0)
    stream.synchronize()


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_fill_rows(gpu, dtype):
    """A part of an array, and nothing beside it."""
    stream, array = gpu.stream(), np.zeros((5, 6), dtype)
    buffer = gpu.allocate(array.nbytes)
    stream.upload(buffer.address, array)
    row = array.strides[0]
    stream.fill_rows(buffer.address + row + 2 * array.itemsize, 2 * row, NAN, array.itemsize, 3, 2)
    stream.download(array, buffer.address)
    stream.synchronize()
    wanted = np.zeros((5, 6), bool)
    wanted[1:4:2, 2:5] = True
    np.testing.assert_array_equal(np.isnan(array), wanted)


def test_a_device_that_is_dropped_leaves_no_context_behind(monkeypatch):
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", emulator.library())
    gpu, current = driver.device(), ctypes.c_void_p()
    gpu.use()
    get = ctypes.CDLL(emulator.library()).cuCtxGetCurrent
    assert get(ctypes.byref(current)) == 0 and current.value
    del gpu
    assert get(ctypes.byref(current)) == 0 and current.value is None


def test_time_passes(gpu):
    stream, events = gpu.stream(), (gpu.event(), gpu.event())
    for event in events:
        event.record(stream)
        event.synchronize()
    assert 0 <= events[1].elapsed_ms(events[0]) < 1000


def test_what_the_device_is(gpu):
    assert (gpu.name, gpu.sm, gpu.multiprocessors, gpu.integrated) == ("emulated", 53, 1, False)
    assert gpu.driver_version == "10.2" and gpu.total_bytes == 4 << 30


def test_memory_is_freed_when_it_is_dropped(gpu):
    before = gpu.free_bytes()
    buffer, pinned = gpu.allocate(1 << 20), gpu.pinned((1 << 20,), np.uint8)
    view = pinned[5:]
    del pinned
    assert gpu.free_bytes() == before - (2 << 20)
    del buffer, view
    assert gpu.free_bytes() == before


def test_out_of_memory(gpu, monkeypatch):
    monkeypatch.setenv("PATCHSKIP_EMULATED_MEMORY", str(8 << 20))
    held = gpu.allocate(5 << 20)
    with pytest.raises(PatchskipError, match="4.0 MiB on emulated, where 3 of .*CUDA_ERROR_OUT_OF_MEMORY; close"):
        gpu.allocate(4 << 20)
    with pytest.raises(PatchskipError, match="4.0 MiB of page-locked.*CUDA_ERROR_OUT_OF_MEMORY"):
        gpu.pinned((1 << 20,), np.float32)
    del held
    gpu.allocate(4 << 20)


def test_a_sticky_error_says_so(gpu, monkeypatch):
    work, stream = Doubling(gpu), gpu.stream()
    monkeypatch.setenv("PATCHSKIP_EMULATED_FAIL_AT", "1")
    with pytest.raises(libcuda.CudaError, match="CUDA_ERROR_LAUNCH_FAILED; .*start it anew") as error:
        work.run(stream, work.compute)
    assert error.value.sticky
    with pytest.raises(PatchskipError, match="allocating.*CUDA_ERROR_LAUNCH_FAILED"):
        gpu.allocate(1)


def test_an_unknown_kernel(gpu):
    with pytest.raises(PatchskipError, match="finding the kernel none.*CUDA_ERROR_NOT_FOUND"):
        gpu.module(b"kernels").function("none")


def test_a_strided_array_is_refused(gpu):
    stream, buffer, array = gpu.stream(), gpu.allocate(64), np.zeros((4, 4), np.float32)
    with pytest.raises(ValueError):
        stream.upload(buffer.address, array.T)
    with pytest.raises(ValueError):
        stream.download(array[:, ::2], buffer.address)


@pytest.mark.parametrize("index, words", [(1, "GPU 1 was asked for, this machine has 1"), (-1, "GPU -1")])
def test_no_such_gpu(gpu, index, words):
    with pytest.raises(PatchskipError, match=words):
        driver.device(index)


def test_kernels_that_the_driver_does_not_take(gpu):
    with pytest.raises(PatchskipError, match="INVALID_IMAGE; compile the kernels with a CUDA no newer.*make plugin"):
        gpu.module(b"")


@pytest.mark.parametrize("file", ["none.so", "text.so"])
def test_no_driver(tmp_path, monkeypatch, file):
    (tmp_path / "text.so").write_text("no library")
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", str(tmp_path / file))
    with pytest.raises(PatchskipError, match=f"no usable NVIDIA driver.*{file}.*install"):
        driver.device()


def test_a_library_that_is_no_driver(monkeypatch):
    monkeypatch.setenv("PATCHSKIP_LIBCUDA", "libc.so.6")
    with pytest.raises(PatchskipError, match="no usable NVIDIA driver.*cuInit"):
        driver.device()
