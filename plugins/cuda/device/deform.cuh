// What the taps of a deformable convolution read: bilinearly between pixels, 0 outside, and multiplied by the mask.
#pragma once
#include "channels.cuh"
#include "deform_params.h"

namespace patchskip {
namespace cuda {

// Where a tap reads along one axis: the pixel before, and the share of the next one.
struct Between {
  int at;
  float share;
};

// The offset alone is split into its whole part and the rest: `base + offset` would be rounded. A NaN stays in the
// share.
PS_DEVICE Between between(int base, float offset) {
  constexpr float far = 1 << 20;  // beyond any tensor
  const float moved = offset > far ? far : offset < -far ? -far : offset;
  int whole = moved >= -far ? static_cast<int>(moved) : 0;
  if (static_cast<float>(whole) > moved) --whole;
  return {base + whole, moved - static_cast<float>(whole)};
}

template <typename T, int n>
PS_DEVICE Vec<n> interpolated(const DeformParams& p, const Between& y, const Between& x, float weight, int channel) {
  Vec<n> sum = {};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int row = y.at + i / 2, column = x.at + i % 2;
    const float share = (i / 2 ? y.share : 1 - y.share) * (i % 2 ? x.share : 1 - x.share) * weight;
    Vec<n> value = {};
    if (row >= 0 && row < p.in_height && column >= 0 && column < p.in_width) {
      value = Channels<n>::load(static_cast<const T*>(p.x) + index_of(row, column, p.in_width, p.channels, channel));
    }
#pragma unroll
    for (int c = 0; c < n; ++c) sum.v[c] += value.v[c] * share;
  }
  return sum;
}

template <typename T, int n>
PS_DEVICE void deform(const DeformParams& p) {
  const T *offset = static_cast<const T*>(p.offset), *mask = static_cast<const T*>(p.mask);
  const Window& w = p.window;
  for_each_vector<n>(p.grid, p.by_vectors, [&](const Place& place, int value) {
    const int group = p.by_group.quotient(value), within = value - group * static_cast<int>(p.by_group.divisor);
    const int channels = p.by_channels.divisor, tap = p.by_channels.quotient(within);
    const int channel = group * channels + within - tap * channels;
    const int row = p.by_columns.quotient(tap), column = tap - row * static_cast<int>(p.by_columns.divisor);
    const int moved = p.by_moved.quotient(channel) * p.taps + tap;
    const long long at = index_of(place, p.grid.width, p.taps * p.offset_group, moved);
    const Between y = between(place.y * w.stride_h - w.pad_top + row * w.dilation_h, load(offset + 2 * at));
    const Between x = between(place.x * w.stride_w - w.pad_left + column * w.dilation_w, load(offset + 2 * at + 1));
    const Vec<n> read = interpolated<T, n>(p, y, x, mask ? load(mask + at) : 1.0f, channel);
    Channels<n>::store(read, static_cast<T*>(p.out) + index_of(place, p.grid.width, p.taps * p.channels, value));
  });
}

}  // namespace cuda
}  // namespace patchskip
