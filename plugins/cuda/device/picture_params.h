// Of picture.cuh: a picture in any of its forms, and the channels that an operator takes of it.
#pragma once
#include "params.h"

namespace patchskip {
namespace cuda {

constexpr int kMostListed = 16;

struct Picture {
  const void* x;  // float32 or bytes, [height, width, in_channels] or, planar, [in_channels, height, width]
  int bytes, planar, height, width, in_channels;
  int listed;  // so many: channel c is channel[c] of x, times scale[c], plus bias[c]; 0: it is that of x
  int channel[kMostListed];
  float scale[kMostListed], bias[kMostListed];
};

}  // namespace cuda
}  // namespace patchskip
