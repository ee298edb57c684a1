// Convolution over listed pixels as a matrix product.
//
// Pixels need not be neighbours: each has a pointer for each of its taps, so that pixels of many small patches share a
// tile, and a tap that lies outside the tensor points at zeros.
#pragma once
#include "tile.h"

namespace patchskip {
namespace PS_ISA {

constexpr int kUnitPixels = 96;  // whose tap pointers are made at a time

// Up to kUnitPixels pixels, each with as many pointers as it has taps.
class Unit {
 public:
  // `tap_pixels` neighbouring taps of the phase are read as one.
  Unit(const GemmConv& conv, const GemmPhase& phase, int tap_pixels)
      : Unit(conv, phase, tap_pixels, phase.n_taps / tap_pixels, tap_pixels * (conv.in.channels / conv.group)) {}

  // Of joined tensors.
  explicit Unit(const GemmConv& conv)
      : Unit(conv, conv.phases[0], 1, conv.n_joined, conv.in.channels / conv.n_joined) {}

  // `count` pixels of one row whose first taps lie at (y, x), (y, x + step), ... of the input; `out` and `index` are
  // the first one's place in memory and (counted in pixels) in the output tensor, `out_step` from one to the next.
  void add(int y, int x, int step, int count, float* out, ptrdiff_t index, int out_step) {
    add_pieces(count, out, index, out_step, [&](int done, int n) {
      for (int t = 0; t < n_taps_; ++t) {
        const Tap tap = phase_.taps[t * tap_pixels_];
        point(y + tap.dy, x + done * step + tap.dx, step, n, pointers_ + t * capacity_ + count_);
      }
    });
  }

  // The same for pixels that lie one after the other at `from`.
  void add_packed(const float* from, int count, float* out, ptrdiff_t index) {
    add_pieces(count, out, index, 1, [&](int done, int n) {
      for (int i = 0; i < n; ++i) {
        pointers_[count_ + i] = from + static_cast<ptrdiff_t>(done + i) * conv_.in.channels;
      }
    });
  }

  // The same for pixels of joined tensors, from the one at `index` on.
  void add_joined(int count, float* out, ptrdiff_t index) {
    add_pieces(count, out, index, 1, [&](int done, int n) {
      for (int t = 0; t < n_taps_; ++t) {
        const ChannelTap& tap = conv_.joined[t];
        const float** to = pointers_ + t * capacity_ + count_;
        for (int i = 0; i < n; ++i) to[i] = tap.first + (index + done + i) * tap.stride;
      }
    });
  }

  void flush() {
    if (count_ == 0) return;
    const int outputs = conv_.out.channels / conv_.group, inputs = conv_.in.channels / conv_.group;
    const Blocks blocks(outputs);
    // Whole pixels at once, when all their channels are there: the fewer the channels, the more that is worth.
    const bool by_runs = blocks.count == 1 && conv_.group == 1;
    const ptrdiff_t terms = static_cast<ptrdiff_t>(phase_.n_taps) * inputs * kLanes;  // of each vector's sums
    const ptrdiff_t bytes = terms * static_cast<ptrdiff_t>(conv_.halves ? sizeof(uint16_t) : sizeof(float));
    const char* weights = static_cast<const char*>(phase_.weights) + bytes * blocks.first(blocks.begin(conv_.part));
    for (int group = 0; group < conv_.group; ++group) {
      if (group > 0) shift(inputs);
      for (int b = blocks.begin(conv_.part); b < blocks.end(conv_.part); ++b) {
        const int first = blocks.first(b) * kLanes, size = blocks.size(b);
        Tile tile;
        tile.stride = capacity_;
        tile.n_taps = n_taps_;
        tile.width = tap_width_;
        tile.weights = weights;
        tile.bias = conv_.bias + group * blocks.vectors * kLanes + first;
        tile.offset = group * outputs + first;
        tile.channels = outputs - first < size * kLanes ? outputs - first : size * kLanes;
        tile.clamp = clamp_;
        run_tiles(tile, size, !clamp_.whole && !by_runs);
        weights += bytes * size;
      }
    }
    if (!clamp_.whole && by_runs) finish_runs();
    count_ = 0;
    runs_ = 0;
  }

 private:
  struct Run {
    float* out;
    ptrdiff_t index;
    int count;
  };

  static constexpr int kPointers = 32 * kUnitPixels;

  // tap_width: in floats.
  Unit(const GemmConv& conv, const GemmPhase& phase, int tap_pixels, int n_taps, int tap_width)
      : conv_(conv),
        phase_(phase),
        tap_pixels_(tap_pixels),
        n_taps_(n_taps),
        tap_width_(tap_width),
        capacity_(n_taps_ * kUnitPixels > kPointers ? kPointers / n_taps_ : kUnitPixels),
        clamp_(as_clamp(conv.finish)) {}

  // As many pixels at a time as there is room for; point_piece(done, n) makes the pointers of the next n.
  template <typename PointPiece>
  void add_pieces(int count, float* out, ptrdiff_t index, int out_step, const PointPiece& point_piece) {
    const ptrdiff_t stride = static_cast<ptrdiff_t>(out_step) * conv_.out.channels;
    for (int done = 0; done < count;) {
      const int n = count - done < capacity_ - count_ ? count - done : capacity_ - count_;
      point_piece(done, n);
      for (int i = 0; i < n; ++i) {
        out_[count_ + i] = out + i * stride;
        index_[count_ + i] = index + static_cast<ptrdiff_t>(i) * out_step;
      }
      add_run(out, index, n, out_step);
      count_ += n;
      if (count_ == capacity_) flush();
      done += n;
      out += n * stride;
      index += static_cast<ptrdiff_t>(n) * out_step;
    }
  }

  // Where the pixels (y, x), (y, x + step), ... lie, or zeros for those outside.
  void point(int y, int x, int step, int n, const float** pointers) const {
    if (y < 0 || y >= conv_.in.height) {
      for (int i = 0; i < n; ++i) pointers[i] = conv_.zeros;
      return;
    }
    const float* row = conv_.x + (static_cast<ptrdiff_t>(y) * conv_.in.width + x) * conv_.in.channels;
    const ptrdiff_t stride = static_cast<ptrdiff_t>(step) * conv_.in.channels;
    if (x >= 0 && x + (n - 1) * step < conv_.in.width) {
      for (int i = 0; i < n; ++i) pointers[i] = row + i * stride;
      return;
    }
    for (int i = 0; i < n; ++i) {
      const int at = x + i * step;
      pointers[i] = at >= 0 && at < conv_.in.width ? row + i * stride : conv_.zeros;
    }
  }

  // To the next group's channels.
  void shift(int channels) {
    for (int t = 0; t < n_taps_; ++t) {
      for (int i = 0; i < count_; ++i) {
        const float*& pointer = pointers_[t * capacity_ + i];
        if (pointer != conv_.zeros) pointer += channels;
      }
    }
  }

  void run_tiles(Tile& tile, int size, bool finish) const {
    for_each_tile(count_, size, [&](int first, int rows) {
      tile.taps = pointers_ + first;
      tile.out = out_ + first;
      (conv_.halves ? tile_of<uint16_t> : tile_of<float>)(size, rows)(tile);
      if (finish) finish_tile(tile, first, rows);
    });
  }

  void add_run(float* out, ptrdiff_t index, int count, int step) {
    if (step == 1) {
      run_[runs_++] = {out, index, count};
      return;
    }
    for (int i = 0; i < count; ++i) {
      run_[runs_++] = {out + static_cast<ptrdiff_t>(i) * step * conv_.out.channels, index + i * step, 1};
    }
  }

  void finish_runs() const {
    const int channels = conv_.out.channels;
    for (const Run* run = run_; run != run_ + runs_; ++run) {
      finish_pixels(conv_.finish, run->out, run->index * channels, static_cast<ptrdiff_t>(run->count) * channels,
                    channels);
    }
  }

  void finish_tile(const Tile& tile, int first, int rows) const {
    with_activation(conv_.finish.activation, [&](auto kind) {
      for (int row = 0; row < rows; ++row) {
        finish_run<kind.value>(conv_.finish, tile.out[row] + tile.offset,
                               index_[first + row] * conv_.out.channels + tile.offset, tile.channels, tile.offset);
      }
    });
  }

  const GemmConv& conv_;
  const GemmPhase& phase_;
  const int tap_pixels_, n_taps_, tap_width_, capacity_;
  const Clamp clamp_;
  int count_ = 0, runs_ = 0;
  Run run_[kUnitPixels];
  float* out_[kUnitPixels];
  ptrdiff_t index_[kUnitPixels];
  const float* pointers_[kPointers];
};

// Where the kernel's whole row lies inside the tensor it is read as one tap; at the left and right border tap by tap.
inline void convolve(const GemmConv& c, const Segment* segments, int count) {
  Unit inner(c, c.phases[0], c.tap_pixels), border(c, c.phases[0], 1);
  // Output columns [left, right) have their whole kernel row inside.
  const int left = (c.pad_left + c.stride_w - 1) / c.stride_w;
  const int room = c.in.width - c.tap_pixels + c.pad_left;
  const int right = c.tap_pixels == 1 ? c.out.width : room < 0 ? 0 : room / c.stride_w + 1;
  for (const Segment* s = segments; s != segments + count; ++s) {
    const int y = s->y * c.stride_h - c.pad_top;
    const int begin = c.tap_pixels == 1 ? s->x0 : clamp_to(left, s->x0, s->x1), end = clamp_to(right, begin, s->x1);
    const auto add = [&](Unit& unit, int x0, int x1) {
      unit.add(y, x0 * c.stride_w - c.pad_left, c.stride_w, x1 - x0,
               s->out + static_cast<ptrdiff_t>(x0 - s->x0) * c.out.channels,
               static_cast<ptrdiff_t>(s->y) * c.out.width + x0, 1);
    };
    if (s->x0 < begin) add(border, s->x0, begin);
    if (begin < end) add(inner, begin, end);
    if (end < s->x1) add(border, end, s->x1);
  }
  inner.flush();
  border.flush();
}

inline void convolve_packed(const GemmConv& c, const Segment* segments, int count) {
  Unit unit(c, c.phases[0], 1);
  const float* from = c.pixels;
  for (const Segment* s = segments; s != segments + count; ++s) {
    unit.add_packed(from, s->x1 - s->x0, s->out, static_cast<ptrdiff_t>(s->y) * c.out.width + s->x0);
    from += static_cast<ptrdiff_t>(s->x1 - s->x0) * c.in.channels;
  }
  unit.flush();
}

inline void convolve_joined(const GemmConv& c, const Segment* segments, int count) {
  Unit unit(c);
  for (const Segment* s = segments; s != segments + count; ++s) {
    unit.add_joined(s->x1 - s->x0, s->out, static_cast<ptrdiff_t>(s->y) * c.out.width + s->x0);
  }
  unit.flush();
}

inline void convolve_transposed(const GemmConv& c, const Segment* segments, int count) {
  for (int phase_y = 0; phase_y < c.stride_h; ++phase_y) {
    for (int phase_x = 0; phase_x < c.stride_w; ++phase_x) {
      Unit unit(c, c.phases[phase_y * c.stride_w + phase_x], 1);
      for (const Segment* s = segments; s != segments + count; ++s) {
        const int y = s->y + c.pad_top;
        if (y % c.stride_h != phase_y) continue;
        const int skip = (phase_x - (s->x0 + c.pad_left) % c.stride_w + c.stride_w) % c.stride_w;
        const int x0 = s->x0 + skip, pixels = s->x1 > x0 ? (s->x1 - x0 - 1) / c.stride_w + 1 : 0;
        unit.add(y / c.stride_h, (x0 + c.pad_left) / c.stride_w, 1, pixels,
                 s->out + static_cast<ptrdiff_t>(skip) * c.out.channels,
                 static_cast<ptrdiff_t>(s->y) * c.out.width + x0, c.stride_w);
      }
      unit.flush();
    }
  }
}

inline void gemm_conv(const GemmConv& c, const Segment* segments, int count) {
  if (c.pixels) {
    convolve_packed(c, segments, count);
  } else if (c.joined) {
    convolve_joined(c, segments, count);
  } else if (c.transposed) {
    convolve_transposed(c, segments, count);
  } else {
    convolve(c, segments, count);
  }
}

}  // namespace PS_ISA
}  // namespace patchskip
