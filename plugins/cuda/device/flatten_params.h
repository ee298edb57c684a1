// Of flatten.cuh.
#pragma once
#include "params.h"

namespace patchskip {
namespace cuda {

constexpr int kMostLevels = 16;

struct Level {
  const void* x;  // [height, width, channels]
  int height, width;
  int first;  // its first pixel among all
  Divisor by_width;
};

struct FlattenParams {
  const int* active;  // [rows, columns], patches of the first level
  void* out;          // [pixels, channels]
  int rows, columns, patch, channels, pixels, count;
  int lanes;  // threads for a pixel
  Level levels[kMostLevels];
  Finish finish;
};

}  // namespace cuda
}  // namespace patchskip
