"""The CUDA driver by ctypes: memory, streams, graphs and kernels, without any package beyond numpy.

    gpu = driver.device()
    stream, memory = gpu.stream(), gpu.allocate(array.nbytes)
    stream.upload(memory.address, array)
    stream.launch(gpu.module(cubin).function("copy"), launch)
    stream.synchronize()

Work on a stream is asynchronous: arrays and buffers stay alive until `synchronize()`, which is also where the errors of
kernels appear. Every object may be used from any thread, a stream from one at a time.
"""

import contextlib
import ctypes
import gc

import numpy as np

from . import libcuda

MULTIPROCESSORS, INTEGRATED, MAJOR, MINOR = 16, 18, 75, 76  # CUdevice_attribute
NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: apart from the default stream
THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: other threads may allocate during a capture
PORTABLE = 1  # CU_MEMHOSTALLOC_PORTABLE


def device(index=0):
    """-> Device. Raises PatchskipError when there is no driver or no such GPU."""
    return Device(index)


class Device(object):
    """A GPU and its primary context, which is also the one that TensorRT and every CUDA runtime use.

    name, sm (10 * major + minor), multiprocessors, total_bytes, integrated (shares the CPU's memory: a Jetson),
    driver_version such as "12.4"
    """

    def __init__(self, index=0):
        self._context = None
        self._call = libcuda.load()
        self._call("looking for a GPU", "cuInit", 0)
        count = self._number("counting the GPUs", "cuDeviceGetCount")
        if not 0 <= index < count:
            raise libcuda.no_device(index, count)
        self._device = self._number("opening GPU {}".format(index), "cuDeviceGet", index)
        self.driver_version = libcuda.version_text(self._number("asking the driver", "cuDriverGetVersion"))
        name = ctypes.create_string_buffer(256)
        self._call("asking the GPU's name", "cuDeviceGetName", name, len(name), self._device)
        self.name = name.value.decode("utf-8", "replace")
        self.sm = 10 * self._attribute(MAJOR) + self._attribute(MINOR)
        self.multiprocessors = self._attribute(MULTIPROCESSORS)
        self.integrated = bool(self._attribute(INTEGRATED))
        size = ctypes.c_size_t()
        self._call("asking the GPU's memory", "cuDeviceTotalMem_v2", ctypes.byref(size), self._device)
        self.total_bytes = size.value
        self._context = self._pointer("opening {}".format(self.name), "cuDevicePrimaryCtxRetain", self._device)

    def use(self):
        """Makes this GPU the calling thread's. What is made here does so itself; foreign CUDA code may undo it."""
        self._call("using {}".format(self.name), "cuCtxSetCurrent", self._context)

    def free_bytes(self):
        self.use()
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self._call("asking the free memory", "cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def allocate(self, size):
        """-> Buffer of `size` bytes, aligned to 256. Raises PatchskipError when there is not so much."""
        return Buffer(self, size)

    def pinned(self, shape, dtype):
        """-> uninitialised array in memory that copies to and from the GPU need not stage.

        On GPUs that share the CPU's memory without seeing its caches (compute capability below 7.2, the Nano) the CPU
        would read such memory uncached: there it is ordinary memory.
        """
        if self.integrated and self.sm < 72:
            return np.empty(shape, dtype)
        return np.asarray(_Pinned(self, shape, dtype))

    def stream(self):
        return Stream(self)

    def event(self):
        return Event(self)

    def module(self, image):
        """-> Module. image: the bytes of a cubin."""
        return Module(self, image)

    def launch(self, stream, function, launch):
        """As Stream.launch, on a stream of whosever; stream: its handle."""
        parameters = (ctypes.c_void_p * 1)(launch.params)
        size = launch.blocks, 1, 1, launch.threads, 1, 1, launch.shared_bytes
        self.call("launching " + function.name, "cuLaunchKernel", function.handle, *(size + (stream, parameters, None)))

    def synchronize(self):
        """Waits for everything that was asked of the GPU."""
        self.use()
        self._call("waiting for the GPU", "cuCtxSynchronize")

    def call(self, doing, function, *arguments):
        """Calls the driver with this GPU current. Raises PatchskipError with what was being done."""
        self.use()
        self._call(doing, function, *arguments)

    def create(self, doing, function, *arguments):
        """-> the address that a function of the driver writes to its first argument."""
        self.use()
        return self._pointer(doing, function, *arguments)

    def release(self, function, handle):
        """Frees, without an error: after a failure, or when the process ends, the driver has done it already."""
        self._call.quietly("cuCtxSetCurrent", self._context)
        self._call.quietly(function, handle)

    def _pointer(self, doing, function, *arguments):
        made = ctypes.c_void_p()
        self._call(doing, function, ctypes.byref(made), *arguments)
        return made.value

    def _number(self, doing, function, *arguments):
        made = ctypes.c_int()
        self._call(doing, function, ctypes.byref(made), *arguments)
        return made.value

    def _attribute(self, which):
        return self._number("asking what the GPU can do", "cuDeviceGetAttribute", which, self._device)

    def __del__(self):
        if self._context:
            current = ctypes.c_void_p()
            self._call.quietly("cuCtxGetCurrent", ctypes.byref(current))
            if current.value == self._context:  # it would stay so when it is destroyed, and fail whatever comes next
                self._call.quietly("cuCtxSetCurrent", None)
            self._call.quietly("cuDevicePrimaryCtxRelease", self._device)


class Buffer(object):
    """Memory of a GPU: address, bytes. Freed when it is dropped."""

    def __init__(self, gpu, size):
        self.address, self.bytes, self._gpu = None, int(size), gpu
        try:
            self.address = gpu.create("allocating", "cuMemAlloc_v2", max(1, self.bytes))
        except libcuda.CudaError as error:
            if error.name != "CUDA_ERROR_OUT_OF_MEMORY":
                raise
            raise libcuda.out_of_memory(self.bytes, gpu) from None

    def __del__(self):
        if self.address:
            self._gpu.release("cuMemFree_v2", self.address)


class _Pinned(object):
    """Page-locked memory as numpy takes it; the arrays made of it keep it alive."""

    def __init__(self, gpu, shape, dtype):
        self._address, self._gpu, dtype = None, gpu, np.dtype(dtype)
        shape = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        doing = "allocating {:.1f} MiB of page-locked memory".format(size / 2.0**20)
        self._address = gpu.create(doing, "cuMemHostAlloc", max(1, size), PORTABLE)
        self.__array_interface__ = {
            "data": (self._address, False),
            "shape": shape,
            "typestr": dtype.str,
            "version": 3,
        }

    def __del__(self):
        if self._address:
            self._gpu.release("cuMemFreeHost", self._address)


class Stream(object):
    """A queue of work: handle (the driver's and the runtime's cudaStream_t)."""

    def __init__(self, gpu):
        self.handle, self._gpu = None, gpu
        self.handle = gpu.create("making a stream", "cuStreamCreate", NON_BLOCKING)

    def synchronize(self, doing="running on the GPU"):
        """Waits for the work given so far. doing: what an error's message begins with."""
        self._gpu.call(doing, "cuStreamSynchronize", self.handle)

    def upload(self, address, array):
        """From a C-contiguous array."""
        if not array.flags.c_contiguous:
            raise ValueError("the array is strided")
        self._gpu.call(
            "copying to the GPU", "cuMemcpyHtoDAsync_v2", address, array.ctypes.data, array.nbytes, self.handle
        )

    def download(self, array, address):
        """Into a C-contiguous array."""
        if not array.flags.c_contiguous or not array.flags.writeable:
            raise ValueError("the array is strided or read-only")
        self._gpu.call(
            "copying from the GPU", "cuMemcpyDtoHAsync_v2", array.ctypes.data, address, array.nbytes, self.handle
        )

    def copy(self, to, source, size):
        self._gpu.call("copying on the GPU", "cuMemcpyDtoDAsync_v2", to, source, size, self.handle)

    def fill32(self, address, word, count):
        """`count` words of 32 bits."""
        if count:  # a driver may refuse to fill nothing
            self._gpu.call("filling memory", "cuMemsetD32Async", address, word, count, self.handle)

    def fill_rows(self, address, pitch, word, size, count, rows):
        """`rows` rows, `pitch` bytes apart, of `count` times the lowest `size` bytes of a word, 2 or 4; none is 0."""
        name, word = ("cuMemsetD2D32Async", word) if size == 4 else ("cuMemsetD2D16Async", word & 0xFFFF)
        self._gpu.call("filling memory", name, address, pitch, word, count, rows, self.handle)

    def launch(self, function, launch):
        """function: of a Module. launch: planning.Launch; its parameters are copied before this returns."""
        self._gpu.launch(self.handle, function, launch)

    @contextlib.contextmanager
    def capture(self):
        """Records the work of the block instead of doing it: `with stream.capture() as graph:` gives a Graph.

        Nothing in the block may wait for the GPU, or allocate or free on it; the driver says so when the block ends.
        """
        with _uncollected():
            self._gpu.call("capturing a graph", "cuStreamBeginCapture_v2", self.handle, THREAD_LOCAL)
            graph = Graph(self._gpu)
            try:
                yield graph
            except BaseException:
                with contextlib.suppress(libcuda.CudaError):
                    self._end_capture(Graph(self._gpu))
                raise
            self._end_capture(graph)
        graph.instantiate()

    def _end_capture(self, graph):
        recorded = ctypes.c_void_p()
        self._gpu.call("capturing a graph", "cuStreamEndCapture", self.handle, ctypes.byref(recorded))
        graph.recorded = recorded.value

    def __del__(self):
        if self.handle:
            self._gpu.release("cuStreamDestroy_v2", self.handle)


@contextlib.contextmanager
def _uncollected():
    """No garbage is collected meanwhile: a Buffer among it would be freed."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class Graph(object):
    """Work that was captured, to be given to a stream again and again in one call."""

    def __init__(self, gpu):
        self.recorded, self._executable, self._gpu = None, None, gpu

    def instantiate(self):
        self._executable = self._gpu.create("preparing a graph", "cuGraphInstantiate", self.recorded, None, None, 0)

    def launch(self, stream):
        self._gpu.call("launching a graph", "cuGraphLaunch", self._executable, stream.handle)

    def __del__(self):
        if self._executable:
            self._gpu.release("cuGraphExecDestroy", self._executable)
        if self.recorded:
            self._gpu.release("cuGraphDestroy", self.recorded)


class Event(object):
    """A moment in a stream."""

    def __init__(self, gpu):
        self._handle, self._gpu = None, gpu
        self._handle = gpu.create("making an event", "cuEventCreate", 0)

    def record(self, stream):
        self._gpu.call("recording an event", "cuEventRecord", self._handle, stream.handle)

    def synchronize(self):
        self._gpu.call("waiting for an event", "cuEventSynchronize", self._handle)

    def elapsed_ms(self, since):
        """Milliseconds from the event `since`; both have happened."""
        result = ctypes.c_float()
        self._gpu.call("reading the time", "cuEventElapsedTime", ctypes.byref(result), since._handle, self._handle)
        return result.value

    def __del__(self):
        if self._handle:
            self._gpu.release("cuEventDestroy_v2", self._handle)


class Module(object):
    """Loaded kernels."""

    def __init__(self, gpu, image):
        self._handle, self._gpu = None, gpu
        self._handle = gpu.create("loading the kernels", "cuModuleLoadData", ctypes.c_char_p(image))

    def function(self, name):
        """-> Function. Raises PatchskipError when the module has no such kernel."""
        return Function(self, self._gpu, name)

    def __del__(self):
        if self._handle:
            self._gpu.release("cuModuleUnload", self._handle)


class Function(object):
    """A kernel: name, handle."""

    def __init__(self, module, gpu, name):
        self.name, self._module = name, module
        self.handle = gpu.create("finding the kernel " + name, "cuModuleGetFunction", module._handle, name.encode())
