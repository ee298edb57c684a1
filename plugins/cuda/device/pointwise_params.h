// Of pointwise.cuh: Add, Mul and Identity.
#pragma once
#include "params.h"

namespace patchskip {
namespace cuda {

enum PointwiseKind { kIdentity, kAdd, kMul };

struct PointwiseParams {
  Grid grid;
  const void *a, *b;
  void* out;
  int channels;
  PointwiseKind kind;
  Divisor by_vectors;  // vectors of a pixel's channels
  Finish finish;
};

}  // namespace cuda
}  // namespace patchskip
