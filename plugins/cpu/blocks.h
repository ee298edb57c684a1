// From a mask to work: active patches as *blocks*, runs of neighbouring patches in one row of the grid, and blocks as
// *units*, what a thread takes at a time.
#pragma once
#include <vector>

#include "kernels.h"

namespace patchskip {

struct Block {
  int y0, y1, x0, x1;  // pixels
  int pixels() const { return (y1 - y0) * (x1 - x0); }
};

// The active patches of a mask over a height x width tensor; a block has at most `most_pixels`, or one patch. Returns
// how many pixels they have.
int list_blocks(const Kernels&, const int32_t* mask, int patch, const Plane& plane, int most_pixels,
                std::vector<Block>* blocks);

// Of blocks of `pixels` together: unit i is blocks [starts[i], starts[i + 1]). The shares of the threads have about
// equal numbers of pixels, and `each` units, of which the last become smaller, so that no thread waits long for
// another's.
void list_units(const std::vector<Block>& blocks, int pixels, int shares, int each, std::vector<int>* starts);

}  // namespace patchskip
