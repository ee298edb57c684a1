// The table of operators.
#include "operator.h"

namespace patchskip {

const OperatorEntry kOperators[3] = {
    {"PatchMask", make_patch_mask},
    {"PatchGate", make_patch_gate},
    {"PatchSkip", make_patch_skip},
};

}  // namespace patchskip
