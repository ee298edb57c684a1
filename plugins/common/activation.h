// The activations that an operator applies to its result. CUDA kernels are told of them by number, so no header is
// included.
#pragma once

namespace patchskip {

enum class Activation { kNone, kRelu, kClip, kLeakyRelu, kPRelu, kSiLU, kHardSwish, kHardSigmoid, kSigmoid };

}  // namespace patchskip
