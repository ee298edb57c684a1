// Launches plans through the CUDA driver API. libcuda is opened when it is first needed, so that the plugin is linked
// against nothing of CUDA, and builds where there is no GPU.
#pragma once
#include "cuda/plan.h"

namespace patchskip {
namespace cuda {

// The kernels compiled for one compute capability.
struct Cubin {
  int sm;
  const char* data;
};

// Written by build.py.
extern const Cubin kCubins[];
extern const int kCubinCount;

std::string listed_cubins();  // "sm_53, sm_72"

// That of the calling thread's context; where there is none, any.
Device current_device();

// A plan with its kernels, in the context that was the calling thread's.
class Execution {
 public:
  // Throws Error when there is no context, or the plugin has no kernels for its device.
  explicit Execution(const Plan&);

  // Only launches: no memory is allocated, nothing is waited for. stream: a CUstream. Throws Error.
  void enqueue(const void* const* inputs, void* const* outputs, void* workspace, void* stream) const;

 private:
  Plan plan_;
  std::vector<void*> kernels_;  // CUfunction of each launch
};

}  // namespace cuda
}  // namespace patchskip
