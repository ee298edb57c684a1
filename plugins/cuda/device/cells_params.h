// Of cells.cuh.
#pragma once
#include "params.h"

namespace patchskip {
namespace cuda {

struct Cells {
  int side, channels;
  int parts;             // lanes that share the sum of a channel: a power of two
  float threshold;       // of the mean over channels
  const float* weights;  // of each channel's difference; null: all of them count alike
};

}  // namespace cuda
}  // namespace patchskip
