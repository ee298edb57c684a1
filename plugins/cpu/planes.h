// PatchSkip with op_type Planes: a tensor [1, H, W, C] as [1, C, H, W].
#pragma once
#include "operator.h"

namespace patchskip {

std::unique_ptr<Operator> make_planes(const Attributes&);

}  // namespace patchskip
