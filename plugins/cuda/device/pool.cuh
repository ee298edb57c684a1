// MaxPool and AveragePool.
#pragma once
#include "channels.cuh"
#include "pool_params.h"
#include "window.cuh"

namespace patchskip {
namespace cuda {

template <int n>
PS_DEVICE void pool_value(Vec<n>* result, const Vec<n>& value, bool average) {
#pragma unroll
  for (int i = 0; i < n; ++i) {
    result->v[i] = average ? result->v[i] + value.v[i] : value.v[i] > result->v[i] ? value.v[i] : result->v[i];
  }
}

// Pixels of an average: those inside the tensor or, with its padding, inside both.
PS_DEVICE int averaged(const PoolParams& p, const Place& place, int inside) {
  if (!p.count_pad) return inside;
  const Window& w = p.window;
  const int bottom = place.y * w.stride_h + w.kernel_h, right = place.x * w.stride_w + w.kernel_w;
  const int rows = (bottom < p.padded_height ? bottom : p.padded_height) - place.y * w.stride_h;
  const int columns = (right < p.padded_width ? right : p.padded_width) - place.x * w.stride_w;
  return rows * columns;
}

template <typename T, int n>
PS_DEVICE void pool(const PoolParams& p) {
  const T* input = static_cast<const T*>(p.x);
  const Window& w = p.window;
  for_each_vector<n>(p.grid, p.by_vectors, [&](const Place& place, int channel) {
    const Taps rows = taps_of(place.y, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, p.in_height);
    const Taps columns = taps_of(place.x, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, p.in_width);
    Vec<n> result;
#pragma unroll
    for (int i = 0; i < n; ++i) result.v[i] = p.average ? 0.0f : -infinity();
    for (int i = 0; i < rows.count; ++i) {
      const T* x = input + index_of(rows.at + i * rows.at_step, columns.at, p.in_width, p.channels, channel);
      for (int j = 0; j < columns.count; ++j, x += columns.at_step * p.channels) {
        pool_value(&result, Channels<n>::load(x), p.average);
      }
    }
    if (p.average) {
      const float count = static_cast<float>(averaged(p, place, rows.count * columns.count));
#pragma unroll
      for (int i = 0; i < n; ++i) result.v[i] /= count;
    }
    const long long at = index_of(place, p.grid.width, p.channels, channel);
    Channels<n>::finish(p.finish, result, channel, at, static_cast<T*>(p.out));
  });
}

}  // namespace cuda
}  // namespace patchskip
