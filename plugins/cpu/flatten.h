// PatchSkip with op_type Flatten: tensors of several resolutions become the rows of one.
#pragma once
#include "operator.h"

namespace patchskip {

std::unique_ptr<Operator> make_flatten(const Attributes&);

}  // namespace patchskip
