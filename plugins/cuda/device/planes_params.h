// Of planes.cuh.
#pragma once
#include "params.h"

namespace patchskip {
namespace cuda {

struct PlanesParams {
  Grid grid;
  const void* x;  // [height, width, channels]
  void* out;      // [channels, height, width]
  int channels;
  Divisor by_vectors;  // vectors of a pixel's channels
  Finish finish;
};

}  // namespace cuda
}  // namespace patchskip
