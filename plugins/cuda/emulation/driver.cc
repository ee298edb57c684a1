// The CUDA driver API as far as patchskip uses it, on the emulated GPU (gpu.h): a program that opens this library
// instead of libcuda.so.1 (PATCHSKIP_LIBCUDA) runs without a GPU. Names and numbers are cuda.h's.
//
// PATCHSKIP_EMULATED_SM               the compute capability, 53 unless given
// PATCHSKIP_EMULATED_MULTIPROCESSORS  1 unless given
// PATCHSKIP_EMULATED_INTEGRATED       1: it shares the CPU's memory
// PATCHSKIP_EMULATED_MEMORY           bytes; cuMemAlloc fails beyond them
// PATCHSKIP_EMULATED_FAIL_AT          the launch, counted from 1, that fails
#include "cuda/emulation/driver.h"

#include <algorithm>
#include <cstring>

namespace patchskip {
namespace cuda {
namespace emulation {

Driver driver;
thread_local std::vector<Gpu*> contexts;

namespace {

struct Error {
  Status status;
  const char *name, *text;
};

const Error kErrors[] = {
    {kSuccess, "CUDA_SUCCESS", "no error"},
    {kInvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {kInvalidImage, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {kIllegalState, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
    {kNotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {kNotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {kLaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {kCaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
    {kCaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error"},
    {kCaptureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capture"},
    {kCapturedEvent, "CUDA_ERROR_CAPTURED_EVENT", "operation not permitted on an event last recorded in a capture"},
};

int capability() { return static_cast<int>(setting("PATCHSKIP_EMULATED_SM", 53)); }

size_t memory_size() { return static_cast<size_t>(setting("PATCHSKIP_EMULATED_MEMORY", 4ll << 30)); }

Status allocate(Gpu& g, FencedMemory* memory, size_t bytes, void** at) {
  if (g.captures()) return g.forbidden();
  if (bytes == 0) return kInvalidValue;
  if (g.memory.bytes() + g.pinned.bytes() + bytes > memory_size()) return kOutOfMemory;
  *at = memory->allocate(bytes);
  return kSuccess;
}

// Waits for all work, as cuMemFree does.
Status release(Gpu& g, FencedMemory* memory, const void* at) {
  const Status status = g.finish(static_cast<Stream*>(nullptr));
  if (status || !at) return status;
  if (!memory->intact()) return g.error = kIllegalAddress;
  return memory->free(at) ? kSuccess : kInvalidValue;
}

Status copy(Gpu& g, Stream* stream, void* to, const void* from, size_t bytes) {
  return g.enqueue(stream, [=] {
    std::memcpy(to, from, bytes);
    return kSuccess;
  });
}

// Memory that is not pinned is copied before the call returns.
Status copy_pageable(Gpu& g, Stream* stream, void* to, const void* from, size_t bytes) {
  const Status before = g.finish(stream);
  if (before) return before;
  std::memcpy(to, from, bytes);
  return kSuccess;
}

// `rows` of `count` values, `pitch` bytes apart.
template <typename T>
Status fill(Gpu& g, Stream* stream, void* to, T value, size_t count, size_t rows = 1, size_t pitch = 0) {
  if (!count || !rows || reinterpret_cast<uintptr_t>(to) % sizeof(T) || pitch % sizeof(T)) return kInvalidValue;
  if (rows > 1 && pitch < count * sizeof(T)) return kInvalidValue;
  if (!g.memory.holds(to, (rows - 1) * pitch + count * sizeof(T))) return kInvalidValue;
  return g.enqueue(stream, [=] {
    for (size_t row = 0; row < rows; ++row) {
      std::fill_n(reinterpret_cast<T*>(static_cast<char*>(to) + row * pitch), count, value);
    }
    return kSuccess;
  });
}

}  // namespace

}  // namespace emulation
}  // namespace cuda
}  // namespace patchskip

using namespace patchskip::cuda::emulation;

typedef unsigned long long Address;  // CUdeviceptr

extern "C" {

PS_API int cuInit(unsigned flags) {
  std::lock_guard<std::mutex> lock(driver.lock);
  driver.initialised = flags == 0;
  return flags == 0 ? kSuccess : kInvalidValue;
}

PS_API int cuDriverGetVersion(int* version) {
  *version = 10020;
  return kSuccess;
}

PS_API int cuGetErrorName(int status, const char** name) {
  for (const Error& error : kErrors) {
    if (error.status == status) return *name = error.name, kSuccess;
  }
  return kInvalidValue;
}

PS_API int cuGetErrorString(int status, const char** text) {
  for (const Error& error : kErrors) {
    if (error.status == status) return *text = error.text, kSuccess;
  }
  return kInvalidValue;
}

PS_API int cuDeviceGetCount(int* count) {
  return with_driver([&] { return *count = 1, kSuccess; });
}

PS_API int cuDeviceGet(int* device, int ordinal) {
  return with_driver([&] { return *device = 0, ordinal == 0 ? kSuccess : kInvalidDevice; });
}

PS_API int cuDeviceGetName(char* name, int size, int) {
  return with_driver([&] {
    std::strncpy(name, "emulated", size);
    name[size - 1] = 0;
    return kSuccess;
  });
}

PS_API int cuDeviceGetAttribute(int* value, int attribute, int) {
  return with_driver([&] {
    switch (attribute) {
      case 8:  // shared memory of a block
        return *value = kSharedOfBlock, kSuccess;
      case 16:
        return *value = static_cast<int>(setting("PATCHSKIP_EMULATED_MULTIPROCESSORS", 1)), kSuccess;
      case 18:  // does it share the CPU's memory?
        return *value = static_cast<int>(setting("PATCHSKIP_EMULATED_INTEGRATED", 0)), kSuccess;
      case 75:  // compute capability
        return *value = capability() / 10, kSuccess;
      case 76:
        return *value = capability() % 10, kSuccess;
    }
    return kInvalidValue;
  });
}

PS_API int cuDeviceTotalMem_v2(size_t* bytes, int) {
  return with_driver([&] { return *bytes = memory_size(), kSuccess; });
}

PS_API int cuDevicePrimaryCtxRetain(Gpu** context, int) {
  return with_driver([&] {
    if (!driver.gpu) driver.gpu.reset(new Gpu);
    ++driver.gpu->users;
    return *context = driver.gpu.get(), kSuccess;
  });
}

PS_API int cuDevicePrimaryCtxRelease_v2(int) {
  return with_driver([&] {
    if (!driver.gpu) return kInvalidContext;
    if (--driver.gpu->users == 0) driver.gpu.reset();
    return kSuccess;
  });
}

PS_API int cuDevicePrimaryCtxRelease(int device) { return cuDevicePrimaryCtxRelease_v2(device); }

PS_API int cuCtxSetCurrent(Gpu* context) {
  return with_driver([&] {
    if (context && context != driver.gpu.get()) return kInvalidContext;
    if (!contexts.empty()) contexts.pop_back();
    if (context) contexts.push_back(context);
    return kSuccess;
  });
}

PS_API int cuCtxPushCurrent_v2(Gpu* context) {
  return with_driver([&] {
    if (!context || context != driver.gpu.get()) return kInvalidContext;
    contexts.push_back(context);
    return kSuccess;
  });
}

PS_API int cuCtxPopCurrent_v2(Gpu** context) {
  return with_driver([&] {
    if (contexts.empty()) return kInvalidContext;
    if (context) *context = contexts.back();
    contexts.pop_back();
    return kSuccess;
  });
}

PS_API int cuCtxGetCurrent(Gpu** context) {
  return with_driver([&] { return *context = contexts.empty() ? nullptr : contexts.back(), kSuccess; });
}

PS_API int cuCtxGetDevice(int* device) {
  return with_gpu([&](Gpu&) { return *device = 0, kSuccess; });
}

PS_API int cuCtxSynchronize() {
  return with_gpu([&](Gpu& g) { return g.finish(static_cast<Stream*>(nullptr)); });
}

PS_API int cuMemGetInfo_v2(size_t* free, size_t* total) {
  return with_gpu([&](Gpu& g) {
    *total = memory_size();
    *free = *total - std::min(*total, g.memory.bytes() + g.pinned.bytes());
    return kSuccess;
  });
}

PS_API int cuMemAlloc_v2(Address* at, size_t bytes) {
  return with_gpu([&](Gpu& g) { return allocate(g, &g.memory, bytes, reinterpret_cast<void**>(at)); });
}

PS_API int cuMemFree_v2(Address at) {
  return with_gpu([&](Gpu& g) { return release(g, &g.memory, reinterpret_cast<void*>(at)); });
}

PS_API int cuMemHostAlloc(void** at, size_t bytes, unsigned) {
  return with_gpu([&](Gpu& g) { return allocate(g, &g.pinned, bytes, at); });
}

PS_API int cuMemAllocHost_v2(void** at, size_t bytes) { return cuMemHostAlloc(at, bytes, 0); }

PS_API int cuMemFreeHost(void* at) {
  return with_gpu([&](Gpu& g) { return release(g, &g.pinned, at); });
}

PS_API int cuMemcpyHtoDAsync_v2(Address to, const void* from, size_t bytes, Stream* stream) {
  return with_gpu([&](Gpu& g) {
    void* at = reinterpret_cast<void*>(to);
    if (!g.memory.holds(at, bytes)) return kInvalidValue;
    return g.pinned.holds(from, bytes) ? copy(g, stream, at, from, bytes) : copy_pageable(g, stream, at, from, bytes);
  });
}

PS_API int cuMemcpyDtoHAsync_v2(void* to, Address from, size_t bytes, Stream* stream) {
  return with_gpu([&](Gpu& g) {
    const void* at = reinterpret_cast<const void*>(from);
    if (!g.memory.holds(at, bytes)) return kInvalidValue;
    return g.pinned.holds(to, bytes) ? copy(g, stream, to, at, bytes) : copy_pageable(g, stream, to, at, bytes);
  });
}

PS_API int cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes, Stream* stream) {
  return with_gpu([&](Gpu& g) {
    void *at = reinterpret_cast<void*>(to), *source = reinterpret_cast<void*>(from);
    if (!g.memory.holds(at, bytes) || !g.memory.holds(source, bytes)) return kInvalidValue;
    return copy(g, stream, at, source, bytes);
  });
}

PS_API int cuMemsetD32Async(Address to, unsigned value, size_t count, Stream* stream) {
  return with_gpu([&](Gpu& g) { return fill(g, stream, reinterpret_cast<void*>(to), value, count); });
}

PS_API int cuMemsetD2D32Async(Address to, size_t pitch, unsigned value, size_t width, size_t height, Stream* stream) {
  return with_gpu([&](Gpu& g) { return fill(g, stream, reinterpret_cast<void*>(to), value, width, height, pitch); });
}

PS_API int cuMemsetD2D16Async(Address to, size_t pitch, unsigned short value, size_t width, size_t height,
                              Stream* stream) {
  return with_gpu([&](Gpu& g) { return fill(g, stream, reinterpret_cast<void*>(to), value, width, height, pitch); });
}

PS_API int cuMemsetD8Async(Address to, unsigned char value, size_t count, Stream* stream) {
  return with_gpu([&](Gpu& g) { return fill(g, stream, reinterpret_cast<void*>(to), value, count); });
}

}  // extern "C"
