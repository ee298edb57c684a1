// PatchGate: a warp for each patch.
#pragma once
#include "cells.cuh"
#include "gate_params.h"
#include "picture.cuh"

namespace patchskip {
namespace cuda {

// As memory of the pointer's type holds it.
PS_DEVICE float as_kept(const float*, float value) { return value; }
PS_DEVICE float as_kept(const half*, float value) { return from_bits(to_bits(value)); }

template <typename T>
PS_DEVICE bool value_differs(const GateParams& p, const Area& area, int index) {
  const int row = p.by_row.quotient(index), within = index - row * static_cast<int>(p.by_row.divisor);
  const int column = p.by_channels.quotient(within), channel = within - column * p.cells.channels;
  const int y = area.top + row, x = area.left + column;
  if (y >= area.bottom || x >= area.right) return false;
  const T* kept = static_cast<const T*>(p.reference);
  const long long at = (static_cast<long long>(y) * p.grid.width + x) * p.cells.channels + channel;
  return !(as_kept(kept, picture_value(p.picture, y, x, channel)) == load(kept + at));
}

template <typename T>
PS_DEVICE bool image_differs(const GateParams& p, const Area& area) {
  constexpr int kAtOnce = 4;  // a lane's loads, for which the warp waits together
  const int values = p.grid.patch * static_cast<int>(p.by_row.divisor), lane = thread_index() % 32;
  for (int first = 0; first < values; first += 32 * kAtOnce) {
    bool differs = false;
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int index = first + i * 32 + lane;
      if (index < values) differs |= value_differs<T>(p, area, index);
    }
    if (ballot(differs)) return true;
  }
  return false;
}

PS_DEVICE float cell_mean(const GateParams& p, const Area& cell, float sum, int channel) {
  const float share = 1.0f / static_cast<float>((cell.bottom - cell.top) * (cell.right - cell.left));
  return normalised(p.picture, multiply_rounded(sum, share), channel);
}

// body(channel, place in the reference, mean) for each channel of a cell.
template <typename Body>
PS_DEVICE void for_each_mean(const GateParams& p, const Area& cell, const Body& body) {
  const int side = p.cells.side;
  const long long first =
      (static_cast<long long>(cell.top / side) * p.cell_columns + cell.left / side) * p.cells.channels;
  const auto add = [&](float* sums, int y, int x, int channel) { sums[0] += raw_value(p.picture, y, x, channel); };
  sum_channels<1>(p.cells, cell, add, [&](int channel, const float* sums) {
    body(channel, first + channel, cell_mean(p, cell, sums[0], channel));
  });
}

PS_DEVICE bool means_differ(const GateParams& p, const Area& area) {
  const float* reference = static_cast<const float*>(p.reference);
  return any_cell(p.cells, area, [&](const Area& cell) {
    float total = 0;
    for_each_mean(p, cell, [&](int channel, long long at, float mean) {
      total += weighted(p.cells, channel, mean - read(reference + at));
    });
    return beyond_threshold(p.cells, sum_of_lanes(total, 32));
  });
}

PS_DEVICE void keep_means(const GateParams& p, const Area& area) {
  any_cell(p.cells, area, [&](const Area& cell) {
    for_each_mean(p, cell, [&](int, long long at, float mean) { p.updated[at] = mean; });
    return false;
  });
}

// decide(area) -> is the candidate active?
template <typename Decide>
PS_DEVICE void for_each_patch(const GateParams& p, const Decide& decide) {
  const int warps = thread_count() / 32, patches = p.grid.rows * p.grid.columns;
  for (int i = block_index() * warps + thread_index() / 32; i < patches; i += block_count() * warps) {
    const bool active = (!p.grid.active || load(p.grid.active + i)) && decide(patch_area(p.grid, i));
    if (thread_index() % 32 == 0) p.active[i] = active;
  }
}

template <typename T>
PS_DEVICE void gate_values(const GateParams& p) {
  for_each_patch(p, [&](const Area& area) { return image_differs<T>(p, area); });
}

PS_DEVICE void gate_means(const GateParams& p) {
  for_each_patch(p, [&](const Area& area) {
    const bool active = means_differ(p, area);
    if (active) keep_means(p, area);
    return active;
  });
}

}  // namespace cuda
}  // namespace patchskip
