// What kernels are told, and have in common: plain structures, the same for the planner on the host and for the kernel.
// NVRTC compiles these files too, so they include nothing of the standard library. Pointers are filled in at the
// launch.
#pragma once
#include "common/activation.h"

#if defined(__CUDACC__)
#define PS_BOTH __host__ __device__ __forceinline__
#else
#define PS_BOTH inline
#endif

namespace patchskip {
namespace cuda {

// n / divisor for 0 <= n < 2^31 as a multiplication (Granlund and Montgomery, "Division by invariant integers using
// multiplication", 1994). make_divisor is in planner.h.
struct Divisor {
  unsigned divisor, multiplier, shift;  // multiplier 0: by one

  PS_BOTH int quotient(int n) const {
    const unsigned long long product = static_cast<unsigned long long>(static_cast<unsigned>(n)) * multiplier;
    return multiplier ? static_cast<int>(static_cast<unsigned>(product >> 32) >> shift) : n;
  }
};

// The patches of the output, and which of them are to be computed.
struct Grid {
  const int* active;  // [rows, columns]
  int rows, columns, patch, height, width;
  Divisor by_columns, by_patch, by_area;  // area: patch * patch
};

enum ResidualPlace { kNoResidual = 0, kBeforeActivation = 1, kAfterActivation = 2 };

// What happens to a result on its way to memory.
struct Finish {
  Activation activation;
  ResidualPlace place;
  float a, b;            // Clip: bounds. LeakyRelu: a. HardSigmoid: slope a, offset b
  const float* slopes;   // PRelu: one for each channel
  const void* residual;  // of the output's shape and type
};

}  // namespace cuda
}  // namespace patchskip
