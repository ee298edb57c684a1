// Of cells.cuh.
#pragma once
#include "params.h"

namespace patchskip {
namespace cuda {

struct Cells {
  int side, channels;
  int parts;        // lanes that share the sum of a channel: a power of two
  float threshold;  // of the mean over channels
};

}  // namespace cuda
}  // namespace patchskip
