// Of mask.cuh.
#pragma once
#include "params.h"

namespace patchskip {
namespace cuda {

constexpr int kMostMasks = 16;

struct Range {
  int first, last;
};

// Which patches of a mask the output's pixels read, along one axis: pixel y those that hold input rows
// floor((y * num + low) / den) to floor((y * num + high) / den).
struct MaskAxis {
  int num, den, low, high;

  // floor(row / den), but 0 or `last` where that lies outside.
  PS_BOTH int divided(long long row, int last) const {
    if (row < 0) return 0;
    const long long quotient = den == 1 ? row : row / den;
    return quotient > last ? last : static_cast<int>(quotient);
  }

  PS_BOTH Range patches(int first_pixel, int last_pixel, int in_patches, int in_patch) const {
    const int last = in_patches * in_patch - 1;
    Range r;
    r.first = divided(static_cast<long long>(first_pixel) * num + low, last) / in_patch;
    r.last = divided(static_cast<long long>(last_pixel) * num + high, last) / in_patch;
    return r;
  }
};

struct MaskSource {
  const int* mask;  // [rows, columns]
  int rows, columns, patch;
  MaskAxis y, x;
  short step_y, step_x;  // output pixels whose windows leave out no patch between the first one's and the last one's
};

struct MaskParams {
  int* out;  // [rows, columns]
  int rows, columns, patch, height, width;
  int lanes;  // for an output patch: 1, or 32 where it reads much
  int count;
  MaskSource sources[kMostMasks];
};

}  // namespace cuda
}  // namespace patchskip
