// Pooling and resizing: vectors run over channels.
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

inline const float* input_pixel(const Resize& r, int y, int x) {
  return r.x + (static_cast<ptrdiff_t>(y) * r.in.width + x) * r.in.channels;
}

inline void resize(const Resize& r, const Segment* segments, int count) {
  const int channels = r.out.channels;
  for (const Segment* s = segments; s != segments + count; ++s) {
    const int top = r.rows[2 * s->y], bottom = r.rows[2 * s->y + 1];
    for (int x = s->x0; x < s->x1; ++x) {
      float* out = s->out + static_cast<ptrdiff_t>(x - s->x0) * channels;
      const int left = r.columns[2 * x], right = r.columns[2 * x + 1];
      const float* corner = input_pixel(r, top, left);
      if (!r.linear) {
        std::memcpy(out, corner, static_cast<size_t>(channels) * sizeof(float));
        continue;
      }
      const float *top_right = input_pixel(r, top, right), *bottom_left = input_pixel(r, bottom, left),
                  *bottom_right = input_pixel(r, bottom, right);
      const float down = r.row_share[s->y], across = r.column_share[x];
      for_each_vector(channels, [&](ptrdiff_t c, auto lanes) {
        const Vec above = lanes.read(corner + c) * (1 - across) + lanes.read(top_right + c) * across;
        const Vec below = lanes.read(bottom_left + c) * (1 - across) + lanes.read(bottom_right + c) * across;
        lanes.write(out + c, above * (1 - down) + below * down);
      });
    }
    finish_segment(r.finish, *s, r.out);
  }
}

}  // namespace PS_ISA
}  // namespace patchskip
