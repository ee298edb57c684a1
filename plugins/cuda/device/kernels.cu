// All kernels, as one translation unit for nvcc and NVRTC.
#include "all.cuh"

namespace patchskip {
namespace cuda {

#define PS_DEFINE(name, Params, threads, blocks, ...) \
  extern "C" __global__ void __launch_bounds__(threads, blocks) name(const Params params) { __VA_ARGS__(params); }
PS_CUDA_KERNELS(PS_DEFINE)

}  // namespace cuda
}  // namespace patchskip
