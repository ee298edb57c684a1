// Of concat.cuh.
#pragma once
#include "params.h"

namespace patchskip {
namespace cuda {

constexpr int kMostConcatInputs = 16;

struct ConcatInput {
  const void* x;
  int first, channels;  // the channels of the output that it gives
};

struct ConcatParams {
  Grid grid;
  ConcatInput inputs[kMostConcatInputs];
  int count;
  void* out;
  int channels;
  Divisor by_vectors;
  Finish finish;
};

}  // namespace cuda
}  // namespace patchskip
