// Resizing, nearest and linear.
#pragma once
#include "pointwise.h"

namespace patchskip {
namespace PS_ISA {

inline const float* input_pixel(const Resize& r, int y, int x) {
  return r.x + (static_cast<ptrdiff_t>(y) * r.in.width + x) * r.in.channels;
}

inline void resize_nearest(const Resize& r, const Segment& s) {
  const int channels = r.out.channels, y = r.rows[2 * s.y];
  float* out = s.out;
  for (int x = s.x0; x < s.x1; ++x, out += channels) {
    std::memcpy(out, input_pixel(r, y, r.columns[2 * x]), static_cast<size_t>(channels) * sizeof(float));
  }
}

// Vectors run over channels.
inline void resize_linear(const Resize& r, const Segment& s) {
  const int channels = r.out.channels, top = r.rows[2 * s.y], bottom = r.rows[2 * s.y + 1];
  const float down = r.row_share[s.y];
  float* out = s.out;
  for (int x = s.x0; x < s.x1; ++x, out += channels) {
    const int left = r.columns[2 * x], right = r.columns[2 * x + 1];
    const float *top_left = input_pixel(r, top, left), *top_right = input_pixel(r, top, right),
                *bottom_left = input_pixel(r, bottom, left), *bottom_right = input_pixel(r, bottom, right);
    const float across = r.column_share[x];
    for_each_vector(channels, [&](ptrdiff_t c, auto lanes) {
      const Vec above = lanes.read(top_left + c) * (1 - across) + lanes.read(top_right + c) * across;
      const Vec below = lanes.read(bottom_left + c) * (1 - across) + lanes.read(bottom_right + c) * across;
      lanes.write(out + c, above * (1 - down) + below * down);
    });
  }
}

typedef float Few __attribute__((vector_size(16)));
typedef float UnalignedFew __attribute__((vector_size(16), aligned(4), may_alias));
constexpr int kFew = 4;  // channels

inline Few load_few(const float* p) { return *reinterpret_cast<const UnalignedFew*>(p); }

// A picture's few channels would leave most of a vector empty. Here it has four values: those of the next pixel, or
// row, are read with the pixel's own, and where they were written the next pixel overwrites them.
inline void resize_linear_few(const Resize& r, const Segment& s) {
  const int channels = r.out.channels, *const columns = r.columns;
  const float *const top = input_pixel(r, r.rows[2 * s.y], 0), *const bottom = input_pixel(r, r.rows[2 * s.y + 1], 0);
  const float *const column_share = r.column_share, down = r.row_share[s.y];
  const auto pixel = [=](int x) {
    const int left = columns[2 * x] * channels, right = columns[2 * x + 1] * channels;
    const float across = column_share[x];
    const Few above = load_few(top + left) * (1 - across) + load_few(top + right) * across;
    const Few below = load_few(bottom + left) * (1 - across) + load_few(bottom + right) * across;
    return above * (1 - down) + below * down;
  };
  float* out = s.out;
  int x = s.x0;
  for (; (s.x1 - x) * channels >= kFew; ++x, out += channels) *reinterpret_cast<UnalignedFew*>(out) = pixel(x);
  for (; x < s.x1; ++x, out += channels) {
    const Few value = pixel(x);
    std::memcpy(out, &value, static_cast<size_t>(channels) * sizeof(float));
  }
}

// Do four values from the last pixel of the lower row on lie in the tensor?
inline bool has_few(const Resize& r, int y) {
  const float* last = input_pixel(r, r.rows[2 * y + 1], r.in.width - 1);
  return r.out.channels <= kFew && last + kFew <= r.x + r.in.size();
}

inline void resize(const Resize& r, const Segment* segments, int count) {
  for (const Segment* s = segments; s != segments + count; ++s) {
    (!r.linear ? resize_nearest : has_few(r, s->y) ? resize_linear_few : resize_linear)(r, *s);
    finish_segment(r.finish, *s, r.out);
  }
}

}  // namespace PS_ISA
}  // namespace patchskip
