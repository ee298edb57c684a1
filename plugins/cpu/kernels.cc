// Compiled once for each instruction set: -DPS_ISA=avx512, avx2, neon or portable, with the compiler's flags for it.
#include "cell_changes.h"
#include "deform.h"
#include "depthwise.h"
#include "finish.h"
#include "gemm_conv.h"
#include "pointwise.h"
#include "pool.h"
#include "resize.h"
#include "winograd.h"

#define PS_TEXT_OF(name) #name
#define PS_TEXT(name) PS_TEXT_OF(name)

namespace patchskip {
namespace PS_ISA {

extern const Kernels kernels;
const Kernels kernels = {
    PS_TEXT(PS_ISA), kLanes,        kHalves,        pack_weights,   channel_blocks, pack_winograd,
    gemm_conv,       winograd_conv, depthwise_conv, deform_samples, pool,           resize,
    elementwise,     channel_copy,  image,          finish_pixels,  mask_bits,      bits_mask,
    changed<false>,  changed<true>, cell_changes,   image_differs,
};

}  // namespace PS_ISA
}  // namespace patchskip
