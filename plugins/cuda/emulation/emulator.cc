// The kernels as C++, run by name: the library of the tests that need a GPU and have none.
#define PS_EMULATION
#include <cstring>

#include "cuda/device/all.cuh"
#include "patchskip.h"

namespace patchskip {
namespace cuda {
namespace {

struct Entry {
  const char* name;
  emulation::Kernel run;
};

#define PS_EMULATE(name, Params, threads, blocks, ...) \
  {#name, [](const void* params) { __VA_ARGS__(*static_cast<const Params*>(params)); }},
const Entry kEntries[] = {PS_CUDA_KERNELS(PS_EMULATE)};

}  // namespace
}  // namespace cuda
}  // namespace patchskip

// -> null, or what went wrong. order: 0, threads and blocks first to last; 1, last to first.
extern "C" PS_API const char* ps_emulate(const char* kernel, int32_t blocks, int32_t threads, int32_t shared_bytes,
                                         const void* params, int32_t order) {
  using namespace patchskip::cuda;
  for (const Entry& entry : kEntries) {
    if (std::strcmp(entry.name, kernel) == 0) {
      return emulation::run(entry.run, params, blocks, threads, shared_bytes, order != 0);
    }
  }
  return "there is no such kernel";
}
