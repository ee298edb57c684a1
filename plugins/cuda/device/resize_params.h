// Of resize.cuh.
#pragma once
#include "common/resize_axis.h"
#include "params.h"

namespace patchskip {
namespace cuda {

struct ResizeParams {
  Grid grid;
  const void* x;
  void* out;
  int in_height, in_width, channels;
  bool linear;
  ResizeAxis rows, columns;
  Divisor by_vectors;
  Finish finish;
};

}  // namespace cuda
}  // namespace patchskip
