// Of depthwise.cuh: Conv and ConvTranspose whose group is the number of channels, and the first half of SeparableConv.
#pragma once
#include "common/window.h"
#include "params.h"

namespace patchskip {
namespace cuda {

struct DepthwiseParams {
  Grid grid;  // of the output's pixels, or of tiles of 2 x 2 pixels
  const void *x, *weights;
  const float* bias;
  void* out;
  int in_height, in_width, out_height, out_width, channels;
  Divisor by_vectors;
  Window window;
  bool transposed;
  Finish finish;
};

}  // namespace cuda
}  // namespace patchskip
