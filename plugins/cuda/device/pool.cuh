// MaxPool and AveragePool.
#pragma once
#include "channels.cuh"
#include "pool_params.h"
#include "window.cuh"

namespace patchskip {
namespace cuda {

struct PoolWindow {
  Taps rows, columns;
};

PS_DEVICE PoolWindow window_of(const PoolParams& p, const Place& place) {
  const Window& w = p.window;
  return {taps_of(place.y, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, p.in_height),
          taps_of(place.x, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, p.in_width)};
}

template <int n>
PS_DEVICE Vec<n> pool_start(const PoolParams& p) {
  Vec<n> result;
#pragma unroll
  for (int i = 0; i < n; ++i) result.v[i] = p.average ? 0.0f : -infinity();
  return result;
}

template <int n>
PS_DEVICE void pool_value(Vec<n>* result, const Vec<n>& value, bool average) {
#pragma unroll
  for (int i = 0; i < n; ++i) {
    result->v[i] = average ? result->v[i] + value.v[i] : value.v[i] > result->v[i] ? value.v[i] : result->v[i];
  }
}

// Pixels of an average: those inside the tensor or, with its padding, inside both.
PS_DEVICE int averaged(const PoolParams& p, const Place& place, const PoolWindow& window) {
  if (!p.count_pad) return window.rows.count * window.columns.count;
  const Window& w = p.window;
  const int bottom = place.y * w.stride_h + w.kernel_h, right = place.x * w.stride_w + w.kernel_w;
  const int rows = (bottom < p.padded_height ? bottom : p.padded_height) - place.y * w.stride_h;
  const int columns = (right < p.padded_width ? right : p.padded_width) - place.x * w.stride_w;
  return rows * columns;
}

template <typename T, int n>
PS_DEVICE void pool_finish(const PoolParams& p, const Place& place, const PoolWindow& window, Vec<n> result,
                           int channel) {
  if (p.average) {
    const float count = static_cast<float>(averaged(p, place, window));
#pragma unroll
    for (int i = 0; i < n; ++i) result.v[i] /= count;
  }
  const long long at = index_of(place, p.grid.width, p.channels, channel);
  Channels<n>::finish(p.finish, result, channel, at, static_cast<T*>(p.out));
}

template <typename T, int n>
PS_DEVICE void pool(const PoolParams& p) {
  for_each_vector<n>(p.grid, p.by_vectors, [&](const Place& place, int channel) {
    const PoolWindow window = window_of(p, place);
    const Taps &rows = window.rows, &columns = window.columns;
    Vec<n> result = pool_start<n>(p);
    for (int i = 0; i < rows.count; ++i) {
      const int y = rows.at + i * rows.at_step;
      const T* x = static_cast<const T*>(p.x) + index_of(y, columns.at, p.in_width, p.channels, channel);
#pragma unroll 4
      for (int j = 0; j < columns.count; ++j, x += columns.at_step * p.channels) {
        pool_value(&result, Channels<n>::load(x), p.average);
      }
    }
    pool_finish<T>(p, place, window, result, channel);
  });
}

// Large windows of few pixels, such as the mean over a whole tensor: a block takes kPoolVectors vectors of one pixel,
// and its threads share the window.
template <typename T, int n>
PS_DEVICE void pool_large(const PoolParams& p) {
  PS_SHARED Vec<n> parts[kPoolShares][kPoolVectors];
  const ActiveSet set = rank_active(p.grid);
  const int vectors = p.by_vectors.divisor, pieces = p.by_pieces.divisor;
  const int units = set.count * static_cast<int>(p.grid.by_area.divisor) * pieces;
  const int lane = thread_index() % kPoolVectors, share = thread_index() / kPoolVectors;
  const int last = first_unit(units, block_index() + 1);
  for (int unit = first_unit(units, block_index()); unit < last; ++unit) {
    const int slot = p.by_pieces.quotient(unit), vector = (unit - slot * pieces) * kPoolVectors + lane;
    const Place place = place_of_slot(p.grid, set, slot);
    if (!place.inside) continue;
    const PoolWindow window = window_of(p, place);
    const Taps &rows = window.rows, &columns = window.columns;
    Vec<n> result = pool_start<n>(p);
    const int taps = vector < vectors ? rows.count * columns.count : 0;
    int i = 0, j = share;  // of the rows and columns
    for (int tap = share; tap < taps; tap += kPoolShares, j += kPoolShares) {
      for (; j >= columns.count; j -= columns.count) ++i;
      const int y = rows.at + i * rows.at_step, x = columns.at + j * columns.at_step;
      const long long at = index_of(y, x, p.in_width, p.channels, vector * n);
      pool_value(&result, Channels<n>::load(static_cast<const T*>(p.x) + at), p.average);
    }
    parts[share][lane] = result;
    sync_threads();
    if (share == 0 && vector < vectors) {
      for (int k = 1; k < kPoolShares; ++k) pool_value(&result, parts[k][lane], p.average);
      pool_finish<T>(p, place, window, result, vector * n);
    }
    sync_threads();
  }
}

}  // namespace cuda
}  // namespace patchskip
