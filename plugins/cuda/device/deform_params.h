// Of deform.cuh: what the taps of a DeformConv read.
#pragma once
#include "common/window.h"
#include "params.h"

namespace patchskip {
namespace cuda {

struct DeformParams {
  Grid grid;
  const void *x, *offset;
  const void* mask;  // null: 1
  void* out;         // [grid's pixels][group][tap][channel of the group]
  int in_height, in_width, channels, taps, offset_group;
  Divisor by_vectors;   // of a pixel of `out`
  Divisor by_group;     // values of one group in it
  Divisor by_channels;  // channels of one group
  Divisor by_moved;     // channels of one offset group
  Divisor by_columns;   // of the kernel
  Window window;
};

}  // namespace cuda
}  // namespace patchskip
