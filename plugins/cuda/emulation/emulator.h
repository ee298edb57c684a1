// The list of kernels, compiled as C++.
#pragma once
#include <cstddef>

#include "cuda/emulation/fibers.h"

namespace patchskip {
namespace cuda {
namespace emulation {

struct KernelEntry {
  const char* name;
  size_t params_bytes;
  int threads;
  Kernel run;
};

const KernelEntry* find_kernel(const char* name);  // null: there is none of this name

}  // namespace emulation
}  // namespace cuda
}  // namespace patchskip
