// Add, Mul and Identity.
#pragma once
#include "active.cuh"
#include "finish.cuh"
#include "pointwise_params.h"

namespace patchskip {
namespace cuda {

PS_DEVICE float combine(PointwiseKind kind, float a, float b) {
  return kind == kAdd ? a + b : kind == kMul ? a * b : a;
}

// One thread for a pixel's four channels, or for one where the channels are no multiple of four.
template <typename T>
PS_DEVICE void pointwise(const PointwiseParams& p) {
  const ActiveSet set = rank_active(p.grid);
  const int vectors = p.by_vectors.divisor, width = p.channels / vectors;
  const int slots = set.count * static_cast<int>(p.grid.by_area.divisor);
  const int first = first_unit(slots, block_index()) * vectors, last = first_unit(slots, block_index() + 1) * vectors;
  const T *a = static_cast<const T*>(p.a), *b = static_cast<const T*>(p.b);
  T* out = static_cast<T*>(p.out);
  for (int i = first + thread_index(); i < last; i += thread_count()) {
    const int slot = p.by_vectors.quotient(i), channel = (i - slot * vectors) * width;
    const Place place = place_of_slot(p.grid, set, slot);
    if (!place.inside) continue;
    const long long at = (static_cast<long long>(place.y) * p.grid.width + place.x) * p.channels + channel;
    if (width == 4) {
      Vec4 v = load4(a + at);
      if (p.kind != kIdentity) {
        const Vec4 other = load4(b + at);
#pragma unroll
        for (int c = 0; c < 4; ++c) v.v[c] = combine(p.kind, v.v[c], other.v[c]);
      }
      store4(out + at, finished4<T>(p.finish, v, channel, at));
    } else {
      const float v = combine(p.kind, load(a + at), p.kind == kIdentity ? 0.0f : load(b + at));
      store(out + at, finished<T>(p.finish, v, channel, at));
    }
  }
}

}  // namespace cuda
}  // namespace patchskip
