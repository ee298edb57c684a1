// DeformConv: what its taps read, then a pointwise convolution of that.
#pragma once
#include "computation.h"

namespace patchskip {

std::unique_ptr<Computation> make_deformable(const Attributes&);

}  // namespace patchskip
