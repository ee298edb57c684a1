// The kernels as C++, run by name: the library of the tests that need a GPU and have none.
#define PS_EMULATION
#include "cuda/emulation/emulator.h"

#include <cstring>

#include "cuda/device/all.cuh"
#include "patchskip.h"

namespace patchskip {
namespace cuda {
namespace {

#define PS_EMULATE(name, Params, threads, blocks, ...) \
  {#name, sizeof(Params), threads, [](const void* params) { __VA_ARGS__(*static_cast<const Params*>(params)); }},
const emulation::KernelEntry kEntries[] = {PS_CUDA_KERNELS(PS_EMULATE)};

}  // namespace

namespace emulation {

const KernelEntry* find_kernel(const char* name) {
  for (const KernelEntry& entry : kEntries) {
    if (std::strcmp(entry.name, name) == 0) return &entry;
  }
  return nullptr;
}

}  // namespace emulation
}  // namespace cuda
}  // namespace patchskip

// -> null, or what went wrong. order: 0, threads and blocks first to last; 1, last to first.
extern "C" PS_API const char* ps_emulate(const char* kernel, int32_t blocks, int32_t threads, int32_t shared_bytes,
                                         const void* params, int32_t order) {
  using namespace patchskip::cuda;
  const emulation::KernelEntry* entry = emulation::find_kernel(kernel);
  return entry ? emulation::run(entry->run, params, blocks, threads, shared_bytes, order != 0)
               : "there is no such kernel";
}
