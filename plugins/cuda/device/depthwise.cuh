// Depthwise convolution and its transpose. Weights are [tap][channel].
#pragma once
#include "channels.cuh"
#include "depthwise_params.h"
#include "window.cuh"

namespace patchskip {
namespace cuda {

// Any window; a thread computes one pixel.
template <typename T, int n>
PS_DEVICE void depthwise(const DepthwiseParams& p) {
  const T *all_weights = static_cast<const T*>(p.weights), *input = static_cast<const T*>(p.x);
  const Window& w = p.window;
  for_each_vector<n>(p.grid, p.by_vectors, [&](const Place& place, int channel) {
    const Taps rows = taps_of(place.y, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, p.in_height, p.transposed);
    const Taps columns = taps_of(place.x, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, p.in_width, p.transposed);
    Vec<n> sum = Channels<n>::load(p.bias + channel);
    for (int i = 0; i < rows.count; ++i) {
      const int y = rows.at + i * rows.at_step;
      const T* x = input + index_of(y, columns.at, p.in_width, p.channels, channel);
      const int tap = (rows.tap + i * rows.tap_step) * w.kernel_w + columns.tap;
      const T* weights = all_weights + tap * p.channels + channel;
#pragma unroll 2
      for (int j = 0; j < columns.count; ++j) {
        add_product(&sum, Channels<n>::load(x), Channels<n>::load(weights));
        x += columns.at_step * p.channels;
        weights += columns.tap_step * p.channels;
      }
    }
    const long long at = index_of(place, p.out_width, p.channels, channel);
    Channels<n>::finish(p.finish, sum, channel, at, static_cast<T*>(p.out));
  });
}

// A square kernel without dilation: a thread computes a tile of side x side pixels, whose windows share most of what
// they read. What lies outside the tensor counts as 0.
template <typename T, int n, int kernel, int stride, int side>
PS_DEVICE void depthwise_tile(const DepthwiseParams& p) {
  constexpr int reach = kernel + (side - 1) * stride;
  const T *all_weights = static_cast<const T*>(p.weights), *input = static_cast<const T*>(p.x);
  for_each_vector<n>(p.grid, p.by_vectors, [&](const Place& place, int channel) {
    const int y = place.y * side, x = place.x * side;
    const int top = y * p.window.stride_h - p.window.pad_top, left = x * p.window.stride_w - p.window.pad_left;
    Vec<n> weights[stride + 1][kernel] = {};  // of a row of taps and of those before it
    Vec<n> sums[side][side];
#pragma unroll
    for (int i = 0; i < side * side; ++i) sums[i / side][i % side] = Channels<n>::load(p.bias + channel);
#pragma unroll 1
    for (int row = 0; row < reach; ++row) {
      if (side > 1) {
#pragma unroll
        for (int i = stride * kernel - 1; i >= 0; --i) {
          weights[i / kernel + 1][i % kernel] = weights[i / kernel][i % kernel];
        }
      }
      if (row < kernel) {
#pragma unroll
        for (int i = 0; i < kernel; ++i) {
          weights[0][i] = Channels<n>::load(all_weights + (row * kernel + i) * p.channels + channel);
        }
      }
      const bool inside = top + row >= 0 && top + row < p.in_height;
      const T* from = input + index_of(top + row, left, p.in_width, p.channels, channel);
      Vec<n> values[reach] = {};
#pragma unroll
      for (int i = 0; i < reach; ++i) {
        if (inside && left + i >= 0 && left + i < p.in_width) values[i] = Channels<n>::load(from + i * p.channels);
      }
#pragma unroll
      for (int i = 0; i < side; ++i) {
        if (row < i * stride || row >= i * stride + kernel) continue;
#pragma unroll
        for (int j = 0; j < side * kernel; ++j) {
          const int tap = j / side, column = j % side;
          add_product(&sums[i][column], values[column * stride + tap], weights[i * stride][tap]);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < side * side; ++i) {
      const int out_y = y + i / side, out_x = x + i % side;
      if (out_y >= p.out_height || out_x >= p.out_width) continue;
      const long long at = index_of(out_y, out_x, p.out_width, p.channels, channel);
      Channels<n>::finish(p.finish, sums[i / side][i % side], channel, at, static_cast<T*>(p.out));
    }
  });
}

}  // namespace cuda
}  // namespace patchskip
