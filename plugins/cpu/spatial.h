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
  for (int c = 0; c < channels; c += kLanes) {
    const int lanes = channels - c < kLanes ? channels - c : kLanes;
    Vec value = p.average ? Vec{} : splat(-std::numeric_limits<float>::infinity());
    for (int ky = rows.begin; ky < rows.end; ++ky) {
      const float* row =
          p.x + (static_cast<ptrdiff_t>(y + ky * w.dilation_h) * p.in.width + x) * channels + c;
      for (int kx = columns.begin; kx < columns.end; ++kx) {
        const Vec v = load_channels(row + static_cast<ptrdiff_t>(kx) * w.dilation_w * channels, lanes);
        value = p.average ? value + v : max(value, v);
      }
    }
    if (p.average) value = value / static_cast<float>(divisor);
    store_channels(out + c, value, lanes);
  }
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
      for (int c = 0; c < channels; c += kLanes) {
        const int lanes = channels - c < kLanes ? channels - c : kLanes;
        const Vec above = load_channels(corner + c, lanes) * (1 - across) + load_channels(top_right + c, lanes) * across;
        const Vec below =
            load_channels(bottom_left + c, lanes) * (1 - across) + load_channels(bottom_right + c, lanes) * across;
        store_channels(out + c, above * (1 - down) + below * down, lanes);
      }
    }
    finish_segment(r.finish, *s, r.out);
  }
}

}  // namespace PS_ISA
}  // namespace patchskip
