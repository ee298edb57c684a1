// Of channel_map.cuh.
#pragma once
#include "params.h"

namespace patchskip {
namespace cuda {

struct ChannelMapParams {
  Grid grid;
  const void* x;
  const int* from;  // for each channel of the output one of x, or -1
  void* out;
  int in_channels, channels;
  Divisor by_vectors;
  Finish finish;
};

}  // namespace cuda
}  // namespace patchskip
