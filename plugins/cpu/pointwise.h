// Operators that look at one pixel: sums and products, channel copies, the image.
#pragma once
#include "depthwise.h"

namespace patchskip {
namespace PS_ISA {

inline void elementwise(const Elementwise& e, const Segment* segments, int count) {
  for (const Segment* s = segments; s != segments + count; ++s) {
    const ptrdiff_t first = (static_cast<ptrdiff_t>(s->y) * e.out.width + s->x0) * e.out.channels;
    const ptrdiff_t size = static_cast<ptrdiff_t>(s->x1 - s->x0) * e.out.channels;
    for_each_vector(size, [&](ptrdiff_t i, auto lanes) {
      const Vec a = lanes.read(e.a + first + i), b = lanes.read(e.b + first + i);
      lanes.write(s->out + i, e.multiply ? a * b : a + b);
    });
    finish_segment(e.finish, *s, e.out);
  }
}

inline void copy_floats(float* to, const float* from, int count) {
  int i = 0;
  for (; i + kLanes <= count; i += kLanes) store(to + i, load(from + i));
  for (; i < count; ++i) to[i] = from[i];
}

inline void channel_copy(const ChannelCopy& c, const Segment* segments, int count) {
  for (const Segment* s = segments; s != segments + count; ++s) {
    for (int r = 0; r < c.n_runs; ++r) {
      const ChannelRun run = c.runs[r];
      float* to = s->out + run.to;
      const int stride = run.source < 0 ? 0 : c.input_channels[run.source];
      const float* from = run.source < 0 ? nullptr
                                         : c.inputs[run.source] + run.from +
                                               (static_cast<ptrdiff_t>(s->y) * c.out.width + s->x0) * stride;
      for (int x = s->x0; x < s->x1; ++x, to += c.out.channels, from += stride) {
        if (run.source < 0) {
          std::memset(to, 0, static_cast<size_t>(run.count) * sizeof(float));
        } else if (run.count == 1) {
          *to = *from;
        } else {
          copy_floats(to, from, run.count);
        }
      }
    }
    finish_segment(c.finish, *s, c.out);
  }
}

// Pixels [x0, x1) of row y, normalised. PatchGate compares what this gives, PatchSkip stores it: one function, so that
// rounding is the same. `fixed`: how many channels the frame has, before and after, or 0 when it may be any number.
template <typename Value, int fixed>
inline void image_row(const Image& im, int y, int x0, int x1, float* out) {
  const int channels = fixed ? fixed : im.out.channels, in_channels = fixed ? fixed : im.in_channels, count = x1 - x0;
  const ptrdiff_t first = static_cast<ptrdiff_t>(y) * im.out.width + x0, plane = im.out.pixels();
  const Value* values = static_cast<const Value*>(im.x);
  if (im.planar) {
    for (int c = 0; c < channels; ++c) {
      const Value* from = values + (im.channels ? im.channels[c] : c) * plane + first;
      for (int x = 0; x < count; ++x) out[x * channels + c] = static_cast<float>(from[x]);
    }
  } else if (im.channels || in_channels != channels) {
    const Value* from = values + first * in_channels;
    for (int x = 0; x < count; ++x) {
      for (int c = 0; c < channels; ++c) {
        out[x * channels + c] = static_cast<float>(from[x * in_channels + (im.channels ? im.channels[c] : c)]);
      }
    }
  } else {
    const Value* from = values + first * channels;
    for (int i = 0; i < count * channels; ++i) out[i] = static_cast<float>(from[i]);
  }
  // Two loops: the product is rounded before the sum is made.
  for (int x = 0; im.scale && x < count; ++x) {
    for (int c = 0; c < channels; ++c) out[x * channels + c] *= im.scale[c];
  }
  for (int x = 0; im.bias && x < count; ++x) {
    for (int c = 0; c < channels; ++c) out[x * channels + c] += im.bias[c];
  }
}

inline void image_row(const Image& im, int y, int x0, int x1, float* out) {
  const bool colours = im.in_channels == 3 && im.out.channels == 3;
  const auto row = im.bytes ? (colours ? image_row<uint8_t, 3> : image_row<uint8_t, 0>)
                            : (colours ? image_row<float, 3> : image_row<float, 0>);
  row(im, y, x0, x1, out);
}

inline void image(const Image& im, const Segment* segments, int count) {
  for (const Segment* s = segments; s != segments + count; ++s) {
    image_row(im, s->y, s->x0, s->x1, s->out);
    finish_segment(im.finish, *s, im.out);
  }
}

inline bool image_differs(const Image& im, int y, int x0, int x1, const float* kept) {
  float row[kMostImageChannels];
  const int channels = im.out.channels;
  const int piece = kMostImageChannels / channels;
  for (int x = x0; x < x1; x += piece) {
    const int end = x + piece < x1 ? x + piece : x1;
    image_row(im, y, x, end, row);
    const float* old = kept + static_cast<ptrdiff_t>(x - x0) * channels;
    int differing = 0;
    for (int i = 0; i < (end - x) * channels; ++i) differing |= !(row[i] == old[i]);
    if (differing) return true;
  }
  return false;
}

template <bool weighted>
inline bool cell_changed(const Comparison& p, int y0, int y1, int x0, int x1) {
  Vec total = {};
  for_each_vector(p.channels, [&](ptrdiff_t c, auto lanes) {
    Vec difference = {};
    for (int y = y0; y < y1; ++y) {
      for (int x = x0; x < x1; ++x) {
        const ptrdiff_t at = static_cast<ptrdiff_t>(x) * p.channels + c;
        difference += lanes.read(p.fresh + y * p.fresh_stride + at) - lanes.read(p.kept + y * p.kept_stride + at);
      }
    }
    total += weighted ? lanes.read(p.weights + c) * abs(difference) : abs(difference);
  });
  return !(sum(total) <= p.threshold * static_cast<float>(p.channels * (y1 - y0) * (x1 - x0)));
}

template <bool weighted>
inline bool changed(const Comparison& p) {
  for (int y = 0; y < p.height; y += p.cell) {
    for (int x = 0; x < p.width; x += p.cell) {
      if (cell_changed<weighted>(p, y, y + p.cell < p.height ? y + p.cell : p.height, x,
                                 x + p.cell < p.width ? x + p.cell : p.width)) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace PS_ISA
}  // namespace patchskip
