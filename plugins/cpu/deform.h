// What the taps of a deformable convolution read: bilinearly between pixels, 0 outside, and multiplied by the mask.
// Vectors run over channels.
#pragma once
#include "channels.h"
#include "kernels.h"

namespace patchskip {
namespace PS_ISA {

// Where a tap reads along one axis: the pixel before, and the share of the next one.
struct Between {
  int at;
  float share;
};

// The offset alone is split into its whole part and the rest: `base + offset` would be rounded. A NaN stays in the
// share.
inline Between between(int base, float offset) {
  constexpr float kFar = 1 << 20;  // beyond any tensor
  const float moved = offset > kFar ? kFar : offset < -kFar ? -kFar : offset;
  int whole = moved >= -kFar ? static_cast<int>(moved) : 0;
  whole -= static_cast<float>(whole) > moved;
  return {base + whole, moved - static_cast<float>(whole)};
}

// The four pixels around a place, and their shares.
struct Corners {
  const float* from[4];
  float share[4];

  Corners(const DeformSamples& d, const Between& y, const Between& x, float weight) {
    for (int i = 0; i < 4; ++i) {
      from[i] = pixel(d, y.at + i / 2, x.at + i % 2);
      share[i] = (i / 2 ? y.share : 1 - y.share) * (i % 2 ? x.share : 1 - x.share) * weight;
    }
  }

  void read(int channel, int count, float* to) const {
    const float *a = from[0] + channel, *b = from[1] + channel, *c = from[2] + channel, *d = from[3] + channel;
    for_each_vector(count, [&](ptrdiff_t i, auto lanes) {
      lanes.write(to + i, lanes.read(a + i) * share[0] + lanes.read(b + i) * share[1] + lanes.read(c + i) * share[2] +
                              lanes.read(d + i) * share[3]);
    });
  }

 private:
  static const float* pixel(const DeformSamples& d, int y, int x) {
    const bool inside = y >= 0 && y < d.in.height && x >= 0 && x < d.in.width;
    return inside ? d.x + (static_cast<ptrdiff_t>(y) * d.in.width + x) * d.in.channels : d.zeros;
  }
};

// All taps of the pixel (y, x). Channels of one offset group are read together, as far as they are of one group.
inline void deform_pixel(const DeformSamples& d, int y, int x, float* out) {
  const Window& w = d.window;
  const int taps = w.kernel_h * w.kernel_w, channels = d.in.channels / d.group, moved = d.in.channels / d.offset_group;
  const ptrdiff_t first = (static_cast<ptrdiff_t>(y) * d.out.width + x) * taps * d.offset_group;
  for (int tap = 0; tap < taps; ++tap) {
    const int base_y = y * w.stride_h - w.pad_top + tap / w.kernel_w * w.dilation_h;
    const int base_x = x * w.stride_w - w.pad_left + tap % w.kernel_w * w.dilation_w;
    for (int part = 0; part < d.offset_group; ++part) {
      const ptrdiff_t at = first + part * taps + tap;
      const Corners corners(d, between(base_y, d.offset[2 * at]), between(base_x, d.offset[2 * at + 1]),
                            d.mask ? d.mask[at] : 1.0f);
      for (int c = part * moved; c < (part + 1) * moved;) {
        const int group = c / channels, end = (group + 1) * channels;
        const int count = (end < (part + 1) * moved ? end : (part + 1) * moved) - c;
        corners.read(c, count, out + (group * taps + tap) * channels + c - group * channels);
        c += count;
      }
    }
  }
}

inline void deform_samples(const DeformSamples& d, const Segment* segments, int count) {
  for (const Segment* s = segments; s != segments + count; ++s) {
    float* out = s->out;
    for (int x = s->x0; x < s->x1; ++x, out += d.out.channels) deform_pixel(d, s->y, x, out);
  }
}

}  // namespace PS_ISA
}  // namespace patchskip
