// Depthwise convolution and its transpose: vectors run over channels, one filter tap of them meets one input pixel.
#pragma once
#include "channels.h"
#include "finish.h"

namespace patchskip {
namespace PS_ISA {

// The taps of a window that fall inside [0, size), for the window that begins at `from`.
struct TapRange {
  int begin, end;
  TapRange(int from, int kernel, int dilation, int size) : begin(0), end(kernel) {
    while (begin < end && from + begin * dilation < 0) ++begin;
    while (end > begin && from + (end - 1) * dilation >= size) --end;
  }
};

// One pixel anywhere: only the taps inside the tensor are added.
inline void depthwise_border_pixel(const DepthwiseConv& d, const Clamp& clamp, int y, int x, float* out) {
  const Window& w = d.window;
  const int channels = d.out.channels;
  const TapRange rows(y, w.kernel_h, w.dilation_h, d.in.height), columns(x, w.kernel_w, w.dilation_w, d.in.width);
  for_each_vector(channels, [&](ptrdiff_t c, auto lanes) {
    Vec total = lanes.read(d.bias + c);
    for (int ky = rows.begin; ky < rows.end; ++ky) {
      const float* from = d.x + (static_cast<ptrdiff_t>(y + ky * w.dilation_h) * d.in.width + x) * channels + c;
      const float* filter = d.weights + ky * w.kernel_w * channels + c;
      for (int kx = columns.begin; kx < columns.end; ++kx) {
        total += lanes.read(from + static_cast<ptrdiff_t>(kx) * w.dilation_w * channels) *
                 lanes.read(filter + kx * channels);
      }
    }
    lanes.write(out + c, min(splat(clamp.high), max(splat(clamp.low), total)));
  });
}

// Pixels whose window lies inside the tensor; the filter of a vector of channels stays in registers.
template <int kernel, typename Lanes>
inline void depthwise_vector(const DepthwiseConv& d, const Clamp& clamp, const float* from, ptrdiff_t c, Lanes lanes,
                             int pixels, float* to) {
  const Window& w = d.window;
  const int channels = d.out.channels;
  const ptrdiff_t row = static_cast<ptrdiff_t>(d.in.width) * channels * w.dilation_h;
  const ptrdiff_t column = static_cast<ptrdiff_t>(channels) * w.dilation_w;
  Vec filter[kernel * kernel];
#pragma GCC unroll 25
  for (int t = 0; t < kernel * kernel; ++t) filter[t] = lanes.read(d.weights + t * channels + c);
  const Vec bias = lanes.read(d.bias + c), low = splat(clamp.low), high = splat(clamp.high);
  const ptrdiff_t step = static_cast<ptrdiff_t>(w.stride_w) * channels;
  for (int i = 0; i < pixels; ++i, from += step, to += channels) {
    Vec total = bias;
#pragma GCC unroll 5
    for (int ky = 0; ky < kernel; ++ky) {
#pragma GCC unroll 5
      for (int kx = 0; kx < kernel; ++kx) total += lanes.read(from + ky * row + kx * column) * filter[ky * kernel + kx];
    }
    lanes.write(to, min(high, max(low, total)));
  }
}

// A few pixels at a time, all their channels: memory is read in its order, and filters are still loaded rarely.
template <int kernel>
void depthwise_inner(const DepthwiseConv& d, const Clamp& clamp, int y, int x, int pixels, float* out) {
  constexpr int kPixels = 8;
  const int channels = d.out.channels;
  for (int i = 0; i < pixels; i += kPixels) {
    const int n = pixels - i < kPixels ? pixels - i : kPixels;
    const float* corner = d.x + (static_cast<ptrdiff_t>(y) * d.in.width + x + i * d.window.stride_w) * channels;
    float* to = out + static_cast<ptrdiff_t>(i) * channels;
    for_each_vector(channels, [&](ptrdiff_t c, auto lanes) {
      depthwise_vector<kernel>(d, clamp, corner + c, c, lanes, n, to + c);
    });
  }
}

inline void depthwise_segment(const DepthwiseConv& d, const Clamp& clamp, const Segment& s) {
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
      depthwise_border_pixel(d, clamp, y, from, out);
      ++x;
      continue;
    }
    const int inside = room / w.stride_w + 1;
    const int pixels = s.x1 - x < inside ? s.x1 - x : inside;
    if (w.kernel_h == 3) {
      depthwise_inner<3>(d, clamp, y, from, pixels, out);
    } else {
      depthwise_inner<5>(d, clamp, y, from, pixels, out);
    }
    x += pixels;
  }
}

// An output pixel of a transposed convolution gathers the input pixels whose tap reaches it.
inline void depthwise_transposed_segment(const DepthwiseConv& d, const Clamp& clamp, const Segment& s) {
  const Window& w = d.window;
  const int channels = d.out.channels;
  for (int x = s.x0; x < s.x1; ++x) {
    float* out = s.out + static_cast<ptrdiff_t>(x - s.x0) * channels;
    for_each_vector(channels, [&](ptrdiff_t c, auto lanes) {
      Vec total = lanes.read(d.bias + c);
      for (int ky = 0; ky < w.kernel_h; ++ky) {
        const int y_at = s.y + w.pad_top - ky * w.dilation_h, y = y_at / w.stride_h;
        if (y_at < 0 || y_at % w.stride_h != 0 || y >= d.in.height) continue;
        for (int kx = 0; kx < w.kernel_w; ++kx) {
          const int x_at = x + w.pad_left - kx * w.dilation_w, x_in = x_at / w.stride_w;
          if (x_at < 0 || x_at % w.stride_w != 0 || x_in >= d.in.width) continue;
          total += lanes.read(d.x + (static_cast<ptrdiff_t>(y) * d.in.width + x_in) * channels + c) *
                   lanes.read(d.weights + (ky * w.kernel_w + kx) * channels + c);
        }
      }
      lanes.write(out + c, min(splat(clamp.high), max(splat(clamp.low), total)));
    });
  }
}

inline void depthwise_conv(const DepthwiseConv& d, const Segment* segments, int count) {
  const Clamp clamp = as_clamp(d.finish);
  for (const Segment* s = segments; s != segments + count; ++s) {
    if (d.transposed) {
      depthwise_transposed_segment(d, clamp, *s);
    } else {
      depthwise_segment(d, clamp, *s);
    }
    if (!clamp.whole) finish_segment(d.finish, *s, d.out);
  }
}

}  // namespace PS_ISA
}  // namespace patchskip
