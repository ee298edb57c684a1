// Resize, nearest and linear.
#pragma once
#include "channels.cuh"
#include "resize_params.h"

namespace patchskip {
namespace cuda {

struct Sample {
  int first, second;  // pixels; the same one at the border
  float share;        // of the second
};

PS_DEVICE int clamped(int i, int n) { return i < 0 ? 0 : i < n ? i : n - 1; }

PS_DEVICE Sample sample(const ResizeAxis& axis, int i, int n) {
  const int at = i * axis.num + axis.offset;
  const int low = (at >= 0 ? at : at - axis.den + 1) / axis.den;
  return {clamped(low, n), clamped(low + 1, n), static_cast<float>(at - low * axis.den) / static_cast<float>(axis.den)};
}

template <int n>
PS_DEVICE Vec<n> mixed(const Vec<n>& a, const Vec<n>& b, float share) {
  Vec<n> result;
#pragma unroll
  for (int i = 0; i < n; ++i) result.v[i] = a.v[i] * (1.0f - share) + b.v[i] * share;
  return result;
}

template <typename T, int n>
PS_DEVICE void resize(const ResizeParams& p) {
  const T* x = static_cast<const T*>(p.x);
  for_each_vector<n>(p.grid, p.by_vectors, [&](const Place& place, int channel) {
    const Sample row = sample(p.rows, place.y, p.in_height), column = sample(p.columns, place.x, p.in_width);
    const auto value = [&](int y, int x_at) {
      return Channels<n>::load(x + index_of(y, x_at, p.in_width, p.channels, channel));
    };
    Vec<n> result = value(row.first, column.first);
    if (p.linear) {
      const Vec<n> left = mixed(result, value(row.second, column.first), row.share);
      const Vec<n> right = mixed(value(row.first, column.second), value(row.second, column.second), row.share);
      result = mixed(left, right, column.share);
    }
    const long long at = index_of(place, p.grid.width, p.channels, channel);
    Channels<n>::finish(p.finish, result, channel, at, static_cast<T*>(p.out));
  });
}

}  // namespace cuda
}  // namespace patchskip
