// The gate of a PatchSkip node: a result that lies close to what Y holds is dropped. A warp for each active patch.
#pragma once
#include "active.cuh"
#include "cells.cuh"
#include "commit_params.h"

namespace patchskip {
namespace cuda {

template <typename T>
PS_DEVICE void add_difference(float (&sums)[1], const T* fresh, const T* kept) {
  sums[0] += load(fresh) - read(kept);
}

template <typename T>
PS_DEVICE void add_difference(float (&sums)[4], const T* fresh, const T* kept) {
  const Vec4 a = load4(fresh), b = read4(kept);
#pragma unroll
  for (int i = 0; i < 4; ++i) sums[i] += a.v[i] - b.v[i];
}

// Has any cell of the patch changed?
template <int n, typename T>
PS_DEVICE bool patch_changed(const CommitParams& p, const Area& area) {
  const T *fresh = static_cast<const T*>(p.fresh), *kept = static_cast<const T*>(p.out);
  return any_cell(p.cells, area, [&](const Area& cell) {
    const float share = 1.0f / static_cast<float>((cell.bottom - cell.top) * (cell.right - cell.left));
    float total = 0;
    const auto add = [&](float (&sums)[n], int y, int x, int channel) {
      const long long at = (static_cast<long long>(y) * p.grid.width + x) * p.cells.channels + channel;
      add_difference(sums, fresh + at, kept + at);
    };
    sum_channels<n>(p.cells, cell, add, [&](int channel, const float (&sums)[n]) {
#pragma unroll
      for (int i = 0; i < n; ++i) total += weighted(p.cells, channel + i, sums[i] * share);
    });
    return beyond_threshold(p.cells, sum_of_lanes(total, 32));
  });
}

template <typename T>
PS_DEVICE void copy_patch(const CommitParams& p, const Area& area) {
  const int values = (area.right - area.left) * p.cells.channels;
  for (int y = area.top; y < area.bottom; ++y) {
    const long long first = (static_cast<long long>(y) * p.grid.width + area.left) * p.cells.channels;
    const T* from = static_cast<const T*>(p.fresh) + first;
    T* to = static_cast<T*>(p.out) + first;
    if (p.cells.channels % 4) {
      for (int i = thread_index() % 32; i < values; i += 32) to[i] = from[i];
    } else {
      for (int i = thread_index() % 32 * 4; i < values; i += 32 * 4) store4(to + i, load4(from + i));
    }
  }
}

template <typename T>
PS_DEVICE void commit(const CommitParams& p) {
  const ActiveSet set = rank_active(p.grid);
  const int warp = block_index() * (thread_count() / 32) + thread_index() / 32;
  const int warps = block_count() * (thread_count() / 32);
  for (int rank = warp; rank < set.count; rank += warps) {
    const int patch = patch_of_rank(set, rank);
    const Area area = patch_area(p.grid, patch);
    const bool changed = p.cells.channels % 4 ? patch_changed<1, T>(p, area) : patch_changed<4, T>(p, area);
    if (changed) copy_patch<T>(p, area);
    if (p.changed && thread_index() % 32 == 0) p.changed[patch] = changed;
  }
  const int threads = block_count() * thread_count(), patches = p.grid.rows * p.grid.columns;
  for (int i = block_index() * thread_count() + thread_index(); p.changed && i < patches; i += threads) {
    if (!(set.bits[i / 32] >> i % 32 & 1)) p.changed[i] = 0;
  }
}

}  // namespace cuda
}  // namespace patchskip
