// A computation and a pointwise convolution of its result, which stays in the cache of the core that computed it.
#pragma once
#include "computation.h"

namespace patchskip {

// inner_inputs: how many inputs the inner computation takes; -1: all but the convolution's weights and bias.
std::unique_ptr<Computation> make_fused(std::unique_ptr<Computation> inner, int inner_inputs, const Attributes&);

}  // namespace patchskip
