// Add, Mul and Identity.
#pragma once
#include "channels.cuh"
#include "pointwise_params.h"

namespace patchskip {
namespace cuda {

PS_DEVICE float combine(PointwiseKind kind, float a, float b) {
  return kind == kAdd ? a + b : kind == kMul ? a * b : a;
}

template <typename T, int n>
PS_DEVICE void pointwise(const PointwiseParams& p) {
  const T *a = static_cast<const T*>(p.a), *b = static_cast<const T*>(p.b);
  for_each_vector<n>(p.grid, p.by_vectors, [&](const Place& place, int channel) {
    const long long at = index_of(place, p.grid.width, p.channels, channel);
    Vec<n> value = Channels<n>::load(a + at);
    if (p.kind != kIdentity) {
      const Vec<n> other = Channels<n>::load(b + at);
#pragma unroll
      for (int i = 0; i < n; ++i) value.v[i] = combine(p.kind, value.v[i], other.v[i]);
    }
    Channels<n>::finish(p.finish, value, channel, at, static_cast<T*>(p.out));
  });
}

}  // namespace cuda
}  // namespace patchskip
