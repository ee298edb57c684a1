// Depthwise convolution and its transpose: vectors run over channels, one filter tap of them meets one input pixel.
#pragma once
#include "finish.h"

namespace patchskip {
namespace PS_ISA {

// A vector of channels, whole or (the last) partial.
inline Vec load_channels(const float* p, int lanes) { return lanes == kLanes ? load(p) : load_first(p, lanes); }
inline void store_channels(float* p, Vec v, int lanes) {
  if (lanes == kLanes) {
    store(p, v);
  } else {
    store_first(p, v, lanes);
  }
}

// The taps of a window that fall inside [0, size), for the window that begins at `from`.
struct TapRange {
  int begin, end;
  TapRange(int from, int kernel, int dilation, int size) : begin(0), end(kernel) {
    while (begin < end && from + begin * dilation < 0) ++begin;
    while (end > begin && from + (end - 1) * dilation >= size) --end;
  }
};

// One pixel anywhere: only the taps inside the tensor are added.
inline void depthwise_border_pixel(const DepthwiseConv& d, int y, int x, float* out) {
  const Window& w = d.window;
  const int channels = d.out.channels;
  const TapRange rows(y, w.kernel_h, w.dilation_h, d.in.height), columns(x, w.kernel_w, w.dilation_w, d.in.width);
  for (int c = 0; c < channels; c += kLanes) {
    const int lanes = channels - c < kLanes ? channels - c : kLanes;
    Vec total = load_channels(d.bias + c, lanes);
    for (int ky = rows.begin; ky < rows.end; ++ky) {
      for (int kx = columns.begin; kx < columns.end; ++kx) {
        const ptrdiff_t at = static_cast<ptrdiff_t>(y + ky * w.dilation_h) * d.in.width + x + kx * w.dilation_w;
        total += load_channels(d.x + at * channels + c, lanes) *
                 load_channels(d.weights + (ky * w.kernel_w + kx) * channels + c, lanes);
      }
    }
    store_channels(out + c, total, lanes);
  }
}

// Pixels whose window lies inside the tensor; the filter of a vector of channels stays in registers.
template <int kernel>
void depthwise_inner(const DepthwiseConv& d, int y, int x, int pixels, float* out) {
  const Window& w = d.window;
  const int channels = d.out.channels;
  const ptrdiff_t row = static_cast<ptrdiff_t>(d.in.width) * channels * w.dilation_h;
  const ptrdiff_t column = static_cast<ptrdiff_t>(channels) * w.dilation_w;
  const float* corner = d.x + (static_cast<ptrdiff_t>(y) * d.in.width + x) * channels;
  for (int c = 0; c < channels; c += kLanes) {
    const int lanes = channels - c < kLanes ? channels - c : kLanes;
    Vec filter[kernel * kernel];
#pragma GCC unroll 25
    for (int t = 0; t < kernel * kernel; ++t) filter[t] = load_channels(d.weights + t * channels + c, lanes);
    const Vec bias = load_channels(d.bias + c, lanes);
    const float* from = corner + c;
    float* to = out + c;
    for (int i = 0; i < pixels; ++i, from += static_cast<ptrdiff_t>(w.stride_w) * channels, to += channels) {
      Vec total = bias;
#pragma GCC unroll 5
      for (int ky = 0; ky < kernel; ++ky) {
#pragma GCC unroll 5
        for (int kx = 0; kx < kernel; ++kx) {
          total += load_channels(from + ky * row + kx * column, lanes) * filter[ky * kernel + kx];
        }
      }
      store_channels(to, total, lanes);
    }
  }
}

inline void depthwise_segment(const DepthwiseConv& d, const Segment& s) {
  const Window& w = d.window;
  const int y = s.y * w.stride_h - w.pad_top;
  const bool square = w.kernel_h == w.kernel_w && (w.kernel_h == 3 || w.kernel_h == 5);
  const bool rows_inside = y >= 0 && y + (w.kernel_h - 1) * w.dilation_h < d.in.height;
  int x = s.x0;
  while (x < s.x1) {
    float* out = s.out + static_cast<ptrdiff_t>(x - s.x0) * d.out.channels;
    const int from = x * w.stride_w - w.pad_left;
    const int room = d.in.width - 1 - (w.kernel_w - 1) * w.dilation_w - from;
    if (!square || !rows_inside || from < 0 || room < 0) {
      depthwise_border_pixel(d, y, from, out);
      ++x;
      continue;
    }
    const int inside = room / w.stride_w + 1;
    const int pixels = s.x1 - x < inside ? s.x1 - x : inside;
    if (w.kernel_h == 3) {
      depthwise_inner<3>(d, y, from, pixels, out);
    } else {
      depthwise_inner<5>(d, y, from, pixels, out);
    }
    x += pixels;
  }
}

// An output pixel of a transposed convolution gathers the input pixels whose tap reaches it.
inline void depthwise_transposed_segment(const DepthwiseConv& d, const Segment& s) {
  const Window& w = d.window;
  const int channels = d.out.channels;
  for (int x = s.x0; x < s.x1; ++x) {
    float* out = s.out + static_cast<ptrdiff_t>(x - s.x0) * channels;
    for (int c = 0; c < channels; c += kLanes) {
      const int lanes = channels - c < kLanes ? channels - c : kLanes;
      Vec total = load_channels(d.bias + c, lanes);
      for (int ky = 0; ky < w.kernel_h; ++ky) {
        const int y_at = s.y + w.pad_top - ky * w.dilation_h, y = y_at / w.stride_h;
        if (y_at < 0 || y_at % w.stride_h != 0 || y >= d.in.height) continue;
        for (int kx = 0; kx < w.kernel_w; ++kx) {
          const int x_at = x + w.pad_left - kx * w.dilation_w, x_in = x_at / w.stride_w;
          if (x_at < 0 || x_at % w.stride_w != 0 || x_in >= d.in.width) continue;
          total += load_channels(d.x + (static_cast<ptrdiff_t>(y) * d.in.width + x_in) * channels + c, lanes) *
                   load_channels(d.weights + (ky * w.kernel_w + kx) * channels + c, lanes);
        }
      }
      store_channels(out + c, total, lanes);
    }
  }
}

inline void depthwise_conv(const DepthwiseConv& d, const Segment* segments, int count) {
  for (const Segment* s = segments; s != segments + count; ++s) {
    if (d.transposed) {
      depthwise_transposed_segment(d, *s);
    } else {
      depthwise_segment(d, *s);
    }
    finish_segment(d.finish, *s, d.out);
  }
}

}  // namespace PS_ISA
}  // namespace patchskip
