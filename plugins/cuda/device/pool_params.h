// Of pool.cuh.
#pragma once
#include "common/window.h"
#include "params.h"

namespace patchskip {
namespace cuda {

// Of a block of 256 threads for large windows: vectors of a pixel, and threads for each.
constexpr int kPoolVectors = 16, kPoolShares = 16;

struct PoolParams {
  Grid grid;
  const void* x;
  void* out;
  int in_height, in_width, channels;
  Window window;
  bool average, count_pad;
  int padded_height, padded_width;  // the tensor with its padding
  Divisor by_vectors;
  Divisor by_pieces;  // of large windows: kPoolVectors vectors of a pixel's channels
  Finish finish;
};

}  // namespace cuda
}  // namespace patchskip
