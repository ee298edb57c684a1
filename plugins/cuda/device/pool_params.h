// Of pool.cuh.
#pragma once
#include "common/window.h"
#include "params.h"

namespace patchskip {
namespace cuda {

struct PoolParams {
  Grid grid;
  const void* x;
  void* out;
  int in_height, in_width, channels;
  Window window;
  bool average, count_pad;
  int padded_height, padded_width;  // the tensor with its padding
  Divisor by_vectors;
  Finish finish;
};

}  // namespace cuda
}  // namespace patchskip
