"""The emulated CUDA driver (plugins/cuda/emulation/driver.cc) behaves as libcuda does where patchskip relies on it."""

import ctypes
from ctypes import byref

import numpy as np
import pytest

from patchskip.plugins.cuda import emulator, planning

SHAPE = (1, 6, 7, 8)
OUT_OF_MEMORY, NOT_FOUND, LAUNCH_FAILED, CAPTURE_UNSUPPORTED, CAPTURE_INVALIDATED = 2, 500, 719, 900, 901


class Driver:
    """A context on the emulated GPU. `driver.cuName(...)` raises on an error, `driver.status(name, ...)` returns it."""

    def __init__(self):
        self._native = ctypes.CDLL(emulator.library())
        self.cuInit(0)
        self.context = ctypes.c_void_p()
        self.cuDevicePrimaryCtxRetain(byref(self.context), 0)
        self.cuCtxSetCurrent(self.context)

    def __getattr__(self, name):
        def call(*arguments):
            status = self.status(name, *arguments)
            assert status == 0, f"{name}: CUDA error {status}"

        return call

    def status(self, name, *arguments):
        return getattr(self._native, name)(*arguments)

    def create(self, name, *arguments):
        handle = ctypes.c_void_p()
        getattr(self, name)(byref(handle), *arguments)
        return handle

    def allocate(self, bytes, pinned=False):
        if pinned:
            return self.create("cuMemHostAlloc", ctypes.c_size_t(bytes), 0)
        return self.create("cuMemAlloc_v2", ctypes.c_size_t(bytes))

    def free_bytes(self):
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.cuMemGetInfo_v2(byref(free), byref(total))
        return free.value

    def close(self):
        self.cuDevicePrimaryCtxRelease_v2(0)


@pytest.fixture
def driver():
    made = Driver()
    yield made
    made.close()


class Doubling:
    """Y = X + X on the GPU, of arrays in pinned memory."""

    def __init__(self, driver):
        self.driver, self.stream = driver, driver.create("cuStreamCreate", 1)
        bytes = 4 * int(np.prod(SHAPE))
        self.bytes = ctypes.c_size_t(bytes)
        self.x, self.y, self.mask = (driver.allocate(n) for n in (bytes, bytes, 6 * 7 * 4))
        self.pinned = [driver.allocate(bytes, pinned=True) for _ in range(2)]
        self.host_x, self.host_y = (
            np.ctypeslib.as_array(ctypes.cast(p, ctypes.POINTER(ctypes.c_float)), SHAPE) for p in self.pinned
        )
        self.launch = self.planned(self.y)
        self.module = driver.create("cuModuleLoadData", b"any image")
        self.function = driver.create("cuModuleGetFunction", self.module, self.launch.kernel.encode())
        driver.cuMemsetD32Async(self.mask, 1, ctypes.c_size_t(6 * 7), self.stream)

    def planned(self, y):
        attributes, activation = {"op_type": "Add", "patch": 1, "shape": SHAPE}, (SHAPE, np.float32)
        plan = planning.Plan("PatchSkip", attributes, [((6, 7), np.int32), None, activation, activation], 1)
        return plan.launches([self.mask.value, None, self.x.value, self.x.value], [y.value], 0)[0]

    def enqueue(self):
        self.driver.cuMemcpyHtoDAsync_v2(self.x, self.pinned[0], self.bytes, self.stream)
        assert self.enqueue_launch() == 0
        self.driver.cuMemcpyDtoHAsync_v2(self.pinned[1], self.y, self.bytes, self.stream)

    def enqueue_launch(self):
        params = (ctypes.c_void_p * 1)(self.launch.params)
        one = self.launch
        shape = one.blocks, 1, 1, one.threads, 1, 1, one.shared_bytes
        return self.driver.status("cuLaunchKernel", self.function, *shape, self.stream, params, None)


def test_work_is_done_when_the_host_waits(driver):
    doubling = Doubling(driver)
    doubling.host_x[...] = np.arange(doubling.host_x.size).reshape(SHAPE)
    doubling.enqueue()
    assert np.isnan(doubling.host_y).all()
    driver.cuStreamSynchronize(doubling.stream)
    np.testing.assert_array_equal(doubling.host_y, 2 * doubling.host_x)


def test_memory_that_is_not_pinned_is_copied_at_once(driver):
    memory, before, after = driver.allocate(40), np.arange(10, dtype=np.int32), np.zeros(10, np.int32)
    stream = driver.create("cuStreamCreate", 0)
    driver.cuMemcpyHtoDAsync_v2(memory, ctypes.c_void_p(before.ctypes.data), ctypes.c_size_t(40), stream)
    driver.cuMemsetD8Async(memory, 0, ctypes.c_size_t(4), stream)
    driver.cuMemcpyDtoHAsync_v2(ctypes.c_void_p(after.ctypes.data), memory, ctypes.c_size_t(40), stream)
    assert list(after) == [0] + list(range(1, 10))


@pytest.mark.parametrize(
    "pitch, rows, fits", [(12, 3, True), (8, 4, True), (12, 4, False), (6, 2, False), (0, 2, False)]
)
def test_rows_that_are_filled_lie_in_the_memory_and_apart(driver, pitch, rows, fits):
    memory, after = driver.allocate(36), np.ones(9, np.int32)
    stream = driver.create("cuStreamCreate", 0)
    driver.cuMemsetD8Async(memory, 0, ctypes.c_size_t(36), stream)
    sizes = [ctypes.c_size_t(n) for n in (pitch, 2, rows)]
    status = driver.status("cuMemsetD2D32Async", memory, sizes[0], 7, *sizes[1:], stream)
    driver.cuMemcpyDtoHAsync_v2(ctypes.c_void_p(after.ctypes.data), memory, ctypes.c_size_t(36), stream)
    filled = {place * pitch // 4 + i for place in range(rows) for i in range(2)} if fits else set()
    assert (status == 0) == fits and set(np.flatnonzero(after == 7)) == filled


def test_a_graph_replays_what_was_captured(driver):
    doubling = Doubling(driver)
    driver.cuStreamBeginCapture_v2(doubling.stream, 0)
    doubling.enqueue()
    graph = ctypes.c_void_p()
    driver.cuStreamEndCapture(doubling.stream, byref(graph))
    driver.cuStreamSynchronize(doubling.stream)
    assert np.isnan(doubling.host_y).all(), "a capture does nothing"
    executable = driver.create("cuGraphInstantiateWithFlags", graph, ctypes.c_ulonglong(0))
    driver.cuGraphDestroy(graph)
    for factor in (1, 3):
        doubling.host_x[...] = factor
        driver.cuGraphLaunch(executable, doubling.stream)
        driver.cuStreamSynchronize(doubling.stream)
        assert (doubling.host_y == 2 * factor).all()


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda driver, stream, _: driver.status("cuStreamSynchronize", stream),
        lambda driver, stream, _: driver.status("cuCtxSynchronize"),
        lambda driver, stream, _: driver.status("cuMemAlloc_v2", byref(ctypes.c_void_p()), ctypes.c_size_t(4)),
        lambda driver, stream, module: driver.status("cuModuleGetFunction", byref(ctypes.c_void_p()), module, b"copy"),
    ],
    ids=["stream", "context", "memory", "kernel"],
)
def test_a_capture_forbids_to_wait_and_to_allocate(driver, forbidden):
    stream, module = driver.create("cuStreamCreate", 0), driver.create("cuModuleLoadData", b"any image")
    driver.cuStreamBeginCapture_v2(stream, 0)
    assert forbidden(driver, stream, module) == CAPTURE_UNSUPPORTED
    assert driver.status("cuStreamEndCapture", stream, byref(ctypes.c_void_p())) == CAPTURE_INVALIDATED


def test_events_tell_time(driver):
    doubling, elapsed = Doubling(driver), ctypes.c_float(-1)
    start, end = (driver.create("cuEventCreate", 0) for _ in range(2))
    driver.cuEventRecord(start, doubling.stream)
    doubling.enqueue()
    driver.cuEventRecord(end, doubling.stream)
    driver.cuEventSynchronize(end)
    driver.cuEventElapsedTime(byref(elapsed), start, end)
    assert elapsed.value > 0


def test_a_kernel_that_leaves_its_memory_is_found(driver, capfd):
    doubling = Doubling(driver)
    doubling.launch = doubling.planned(driver.allocate(doubling.bytes.value - 64))
    assert doubling.enqueue_launch() == 0
    assert driver.status("cuStreamSynchronize", doubling.stream) == LAUNCH_FAILED
    assert "pointwise_f32x4 failed: it wrote beyond its memory" in capfd.readouterr().err


def test_a_failed_launch_stays(driver, monkeypatch):
    monkeypatch.setenv("PATCHSKIP_EMULATED_FAIL_AT", "2")
    doubling = Doubling(driver)
    assert doubling.enqueue_launch() == 0
    assert doubling.enqueue_launch() == LAUNCH_FAILED
    assert driver.status("cuStreamSynchronize", doubling.stream) == LAUNCH_FAILED
    name = ctypes.c_char_p()
    driver.cuGetErrorName(LAUNCH_FAILED, byref(name))
    assert name.value == b"CUDA_ERROR_LAUNCH_FAILED"


def test_memory_is_limited(driver, monkeypatch):
    monkeypatch.setenv("PATCHSKIP_EMULATED_MEMORY", "1000")
    first = driver.allocate(600)
    assert driver.free_bytes() == 400
    assert driver.status("cuMemAlloc_v2", byref(ctypes.c_void_p()), ctypes.c_size_t(401)) == OUT_OF_MEMORY
    driver.cuMemFree_v2(first)
    assert driver.free_bytes() == 1000


def test_the_device_is_as_asked_for(driver, monkeypatch):
    monkeypatch.setenv("PATCHSKIP_EMULATED_SM", "87")
    values = {}
    for attribute in (75, 76):
        value = ctypes.c_int()
        driver.cuDeviceGetAttribute(byref(value), attribute, 0)
        values[attribute] = value.value
    assert values == {75: 8, 76: 7}


def test_an_unknown_kernel_is_not_found(driver):
    module = driver.create("cuModuleLoadData", b"any image")
    assert driver.status("cuModuleGetFunction", byref(ctypes.c_void_p()), module, b"no_such_kernel") == NOT_FOUND
