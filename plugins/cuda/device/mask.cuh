// PatchMask: does an output patch read a patch that is set, in any of the masks?
#pragma once
#include "device.h"
#include "mask_params.h"

namespace patchskip {
namespace cuda {

PS_DEVICE int smaller(int a, int b) { return a < b ? a : b; }

// Of the columns, this lane's.
PS_DEVICE int any_set(const MaskSource& s, const Range& rows, const Range& columns, int lane, int lanes) {
  int found = 0;
  for (int y = rows.first; y <= rows.last; ++y) {
    const int* row = s.mask + static_cast<long long>(y) * s.columns;
    for (int x = columns.first + lane; x <= columns.last; x += lanes) found |= load(row + x);
  }
  return found;
}

PS_DEVICE void grow_mask(const MaskParams& p) {
  const int work = p.rows * p.columns * p.lanes;
  for (int i = block_index() * thread_count() + thread_index(); i < work; i += block_count() * thread_count()) {
    const int patch = i / p.lanes, lane = i % p.lanes, row = patch / p.columns;
    const int top = row * p.patch, left = (patch - row * p.columns) * p.patch;
    const int bottom = smaller(top + p.patch, p.height), right = smaller(left + p.patch, p.width);
    int found = 0;
    for (int k = 0; k < p.count; ++k) {
      const MaskSource& s = p.sources[k];
      for (int y = top; y < bottom; y += s.step_y) {
        const Range rows = s.y.patches(y, smaller(y + s.step_y, bottom) - 1, s.rows, s.patch);
        for (int x = left; x < right; x += s.step_x) {
          const Range columns = s.x.patches(x, smaller(x + s.step_x, right) - 1, s.columns, s.patch);
          found |= any_set(s, rows, columns, lane, p.lanes);
        }
      }
    }
    const bool set = p.lanes == 1 ? found != 0 : ballot(found != 0) != 0;
    if (lane == 0) p.out[patch] = set;
  }
}

}  // namespace cuda
}  // namespace patchskip
