// Pooling: vectors run over channels.
#pragma once
#include "depthwise.h"

namespace patchskip {
namespace PS_ISA {

inline void pool_pixel(const Pool& p, int y, int x, float* out) {
  const Window& w = p.window;
  const int channels = p.out.channels;
  const TapRange rows(y, w.kernel_h, w.dilation_h, p.in.height), columns(x, w.kernel_w, w.dilation_w, p.in.width);
  int divisor = (rows.end - rows.begin) * (columns.end - columns.begin);
  if (p.count_include_pad) {
    const int bottom = p.in.height + p.pad_bottom, right = p.in.width + p.pad_right;
    const int height = bottom - y < w.kernel_h ? bottom - y : w.kernel_h;
    const int width = right - x < w.kernel_w ? right - x : w.kernel_w;
    divisor = height * width;
  }
  for_each_vector(channels, [&](ptrdiff_t c, auto lanes) {
    Vec value = p.average ? Vec{} : splat(-std::numeric_limits<float>::infinity());
    for (int ky = rows.begin; ky < rows.end; ++ky) {
      const float* row = p.x + (static_cast<ptrdiff_t>(y + ky * w.dilation_h) * p.in.width + x) * channels + c;
      for (int kx = columns.begin; kx < columns.end; ++kx) {
        const Vec v = lanes.read(row + static_cast<ptrdiff_t>(kx) * w.dilation_w * channels);
        value = p.average ? value + v : max(value, v);
      }
    }
    lanes.write(out + c, p.average ? value / static_cast<float>(divisor) : value);
  });
}

inline void pool(const Pool& p, const Segment* segments, int count) {
  for (const Segment* s = segments; s != segments + count; ++s) {
    for (int x = s->x0; x < s->x1; ++x) {
      pool_pixel(p, s->y * p.window.stride_h - p.window.pad_top, x * p.window.stride_w - p.window.pad_left,
                 s->out + static_cast<ptrdiff_t>(x - s->x0) * p.out.channels);
    }
    finish_segment(p.finish, *s, p.out);
  }
}

}  // namespace PS_ISA
}  // namespace patchskip
