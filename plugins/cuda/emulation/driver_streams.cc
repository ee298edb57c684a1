// Of the emulated driver (driver.cc): streams, events, kernels and graphs.
#include "cuda/emulation/driver.h"

using namespace patchskip::cuda::emulation;

extern "C" {

PS_API int cuStreamCreate(Stream** stream, unsigned) {
  return with_gpu([&](Gpu& g) { return *stream = add(&g.streams, new Stream), kSuccess; });
}

PS_API int cuStreamDestroy_v2(Stream* stream) {
  return with_gpu([&](Gpu& g) { return remove(g, &g.streams, stream); });
}

PS_API int cuStreamSynchronize(Stream* stream) {
  return with_gpu([&](Gpu& g) { return g.finish(stream); });
}

PS_API int cuEventCreate(Event** event, unsigned flags) {
  return with_gpu([&](Gpu& g) {
    *event = add(&g.events, new Event);
    (*event)->timed = !(flags & 2);
    return kSuccess;
  });
}

PS_API int cuEventRecord(Event* event, Stream* stream) {
  return with_gpu(
      [&](Gpu& g) { return g.events.count(event) && g.owns(stream) ? g.record(stream, event) : kInvalidHandle; });
}

PS_API int cuEventSynchronize(Event* event) {
  return with_gpu([&](Gpu& g) { return g.events.count(event) ? g.finish(event) : kInvalidHandle; });
}

PS_API int cuEventElapsedTime(float* milliseconds, Event* start, Event* end) {
  return with_gpu([&](Gpu& g) {
    for (const Event* event : {start, end}) {
      if (!g.events.count(event) || !event->timed || event->captured) return kInvalidHandle;
      if (event->pending) return kNotReady;
    }
    *milliseconds = std::chrono::duration<float, std::milli>(end->at - start->at).count();
    return kSuccess;
  });
}

PS_API int cuEventDestroy_v2(Event* event) {
  return with_gpu([&](Gpu& g) { return remove(g, &g.events, event); });
}

// Whatever the image holds, its kernels are the list's; but it has to hold something.
PS_API int cuModuleLoadData(Module** module, const void* image) {
  return with_gpu([&](Gpu& g) {
    return image && *static_cast<const char*>(image) ? (*module = add(&g.modules, new Module), kSuccess)
                                                     : kInvalidImage;
  });
}

PS_API int cuModuleUnload(Module* module) {
  return with_gpu([&](Gpu& g) { return remove(g, &g.modules, module); });
}

// May load the kernel, and allocate, since drivers load them when they are asked for (CUDA_MODULE_LOADING=LAZY).
PS_API int cuModuleGetFunction(Function** function, Module* module, const char* name) {
  return with_gpu([&](Gpu& g) {
    if (g.captures()) return g.forbidden();
    if (!g.modules.count(module)) return kInvalidHandle;
    const KernelEntry* kernel = find_kernel(name);
    if (!kernel) return kNotFound;
    *function = &module->functions[name];
    (*function)->kernel = kernel;
    return kSuccess;
  });
}

PS_API int cuLaunchKernel(const Function* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                          unsigned block_y, unsigned block_z, unsigned shared_bytes, Stream* stream, void** params,
                          void** extra) {
  return with_gpu([&](Gpu& g) {
    if (grid_y != 1 || grid_z != 1 || block_y != 1 || block_z != 1 || !params || extra) return kInvalidValue;
    return g.launch(stream, *function, grid_x, block_x, shared_bytes, params[0]);
  });
}

PS_API int cuStreamBeginCapture_v2(Stream* stream, int mode) {
  return with_gpu([&](Gpu& g) {
    if (!stream) return kCaptureUnsupported;
    if (!g.owns(stream)) return kInvalidHandle;
    if (stream->capturing) return kIllegalState;
    stream->captured.clear();
    stream->capturing = true;
    stream->invalid = false;
    stream->forbids = mode == 1 ? std::this_thread::get_id() : std::thread::id();  // 1: thread-local
    return kSuccess;
  });
}

PS_API int cuStreamEndCapture(Stream* stream, Graph** graph) {
  return with_gpu([&](Gpu& g) {
    if (!stream || !g.owns(stream)) return kInvalidHandle;
    if (!stream->capturing) return kIllegalState;
    stream->capturing = false;
    *graph = stream->invalid ? nullptr : add(&g.graphs, new Graph(stream->captured));
    return stream->invalid ? kCaptureInvalidated : kSuccess;
  });
}

PS_API int cuStreamIsCapturing(Stream* stream, int* status) {
  return with_gpu([&](Gpu& g) {
    if (!g.owns(stream)) return kInvalidHandle;
    *status = !stream || !stream->capturing ? 0 : stream->invalid ? 2 : 1;
    return kSuccess;
  });
}

PS_API int cuGraphInstantiateWithFlags(Graph** executable, const Graph* graph, unsigned long long) {
  return with_gpu([&](Gpu& g) {
    if (!g.graphs.count(graph)) return kInvalidValue;
    return *executable = add(&g.executables, new Graph(*graph)), kSuccess;
  });
}

PS_API int cuGraphInstantiate(Graph** executable, const Graph* graph, void**, char*, size_t) {
  return cuGraphInstantiateWithFlags(executable, graph, 0);
}

PS_API int cuGraphInstantiate_v2(Graph** executable, const Graph* graph, void**, char*, size_t) {
  return cuGraphInstantiateWithFlags(executable, graph, 0);
}

PS_API int cuGraphLaunch(const Graph* executable, Stream* stream) {
  return with_gpu(
      [&](Gpu& g) { return g.executables.count(executable) ? g.replay(stream, *executable) : kInvalidValue; });
}

PS_API int cuGraphExecDestroy(const Graph* executable) {
  return with_gpu([&](Gpu& g) { return remove(g, &g.executables, executable); });
}

PS_API int cuGraphDestroy(const Graph* graph) {
  return with_gpu([&](Gpu& g) { return remove(g, &g.graphs, graph); });
}

}  // extern "C"
