// Convolution over listed pixels as a matrix product, register-tiled.
//
// The output channels are cut into blocks of 1 to kBlock vectors, the pixels into tiles of up to `tile_rows` rows, so
// that a tile's accumulators fill the register file. For every input float of a tile's taps, `rows` broadcasts meet
// `block` vectors of packed weights. Pixels need not be neighbours: each has a pointer for each tap, so pixels of many
// small patches share a tile, and a tap that lies outside the tensor points at zeros.
#pragma once
#include "finish.h"

namespace patchskip {
namespace PS_ISA {

#if defined(__AVX512F__) || defined(__aarch64__)  // 32 vector registers
constexpr int kBlock = 4;
constexpr int tile_rows(int block) { return block == 4 ? 6 : block == 3 ? 8 : 12; }
#else  // 16
constexpr int kBlock = 2;
constexpr int tile_rows(int block) { return block == 2 ? 6 : 8; }
#endif
constexpr int kTileRows = 12;    // of any block
constexpr int kUnitPixels = 96;  // whose tap pointers are made at a time

// The channel blocks of one group: as few as can be, of sizes that differ by at most one vector.
struct Blocks {
  int vectors, count;
  explicit Blocks(int channels) : vectors((channels + kLanes - 1) / kLanes), count((vectors + kBlock - 1) / kBlock) {}
  int size(int i) const { return vectors / count + (i < vectors % count ? 1 : 0); }
  int first(int i) const { return i * (vectors / count) + (i < vectors % count ? i : vectors % count); }
};

inline size_t pack_weights(const float* weights, int outputs, int inputs, int group, int kernel_h, int kernel_w,
                           bool transposed, const Tap* positions, int n_positions, float* packed) {
  const int area = kernel_h * kernel_w;
  const Blocks blocks(outputs);
  size_t at = 0;
  for (int g = 0; g < group; ++g) {
    for (int b = 0; b < blocks.count; ++b) {
      const int first = blocks.first(b) * kLanes, width = blocks.size(b) * kLanes;
      for (int p = 0; p < n_positions; ++p) {
        const int position = positions[p].dy * kernel_w + positions[p].dx;
        for (int c = 0; c < inputs; ++c) {
          for (int m = first; m < first + width; ++m, ++at) {
            if (!packed) continue;
            const ptrdiff_t row = transposed ? static_cast<ptrdiff_t>(g * inputs + c) * outputs + m
                                             : static_cast<ptrdiff_t>(g * outputs + m) * inputs + c;
            packed[at] = m < outputs ? weights[row * area + position] : 0.0f;
          }
        }
      }
    }
  }
  return at;
}

struct Tile {
  const float* const* taps;  // [n_taps][stride], from this tile's first pixel
  int stride;
  int n_taps, width;
  const float* weights;
  const float* bias;
  float* const* out;
  int offset;    // of the block's first channel in a pixel
  int channels;  // of the block that exist
  Clamp clamp;
};

template <int rows, int block>
void tile_kernel(const Tile& t) {
  Vec sums[rows][block];
  for (int j = 0; j < block; ++j) {
    const Vec bias = load(t.bias + j * kLanes);
    for (int i = 0; i < rows; ++i) sums[i][j] = bias;
  }
  const float* weights = t.weights;
  for (int tap = 0; tap < t.n_taps; ++tap) {
    const float* from[rows];
    for (int i = 0; i < rows; ++i) from[i] = t.taps[tap * t.stride + i];
    for (int k = 0; k < t.width; ++k, weights += block * kLanes) {
      Vec w[block];
#pragma GCC unroll 4
      for (int j = 0; j < block; ++j) w[j] = load(weights + j * kLanes);
#pragma GCC unroll 12
      for (int i = 0; i < rows; ++i) {
        const Vec x = splat(from[i][k]);
#pragma GCC unroll 4
        for (int j = 0; j < block; ++j) sums[i][j] += x * w[j];
      }
    }
  }
  const Vec low = splat(t.clamp.low), high = splat(t.clamp.high);
  const bool partial = t.channels < block * kLanes;
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i) {
    float* out = t.out[i] + t.offset;
#pragma GCC unroll 4
    for (int j = 0; j < block; ++j) {
      const Vec v = min(high, max(low, sums[i][j]));
      if (j + 1 < block || !partial) {
        store(out + j * kLanes, v);
      } else {
        store_first(out + j * kLanes, v, t.channels - j * kLanes);
      }
    }
  }
}

typedef void (*TileKernel)(const Tile&);

template <int block, int rows>
struct FillTable {
  static void fill(TileKernel (*table)[kTileRows + 1]) {
    table[block][rows] = tile_kernel<rows, block>;
    FillTable<block, rows - 1>::fill(table);
  }
};
template <int block>
struct FillTable<block, 0> {
  static void fill(TileKernel (*table)[kTileRows + 1]) { FillTable<block - 1, tile_rows(block - 1)>::fill(table); }
};
template <int rows>
struct FillTable<0, rows> {
  static void fill(TileKernel (*)[kTileRows + 1]) {}
};

struct TileTable {
  TileKernel kernels[kBlock + 1][kTileRows + 1] = {};
  TileTable() { FillTable<kBlock, tile_rows(kBlock)>::fill(kernels); }
};

// Up to kUnitPixels pixels, each with as many pointers as it has taps.
class Unit {
 public:
  // `tap_pixels` neighbouring taps of the phase are read as one.
  Unit(const GemmConv& conv, const GemmPhase& phase, int tap_pixels)
      : conv_(conv),
        phase_(phase),
        tap_pixels_(tap_pixels),
        n_taps_(phase.n_taps / tap_pixels),
        capacity_(n_taps_ * kUnitPixels > kPointers ? kPointers / n_taps_ : kUnitPixels),
        clamp_(as_clamp(conv.finish)) {}

  // `count` pixels of one row whose first taps lie at (y, x), (y, x + step), ... of the input; `out` and `index` are
  // the first one's place in memory and (counted in pixels) in the output tensor, `out_step` from one to the next.
  void add(int y, int x, int step, int count, float* out, ptrdiff_t index, int out_step) {
    while (count > 0) {
      const int n = count < capacity_ - count_ ? count : capacity_ - count_;
      for (int t = 0; t < n_taps_; ++t) {
        const Tap tap = phase_.taps[t * tap_pixels_];
        point(y + tap.dy, x + tap.dx, step, n, pointers_ + t * capacity_ + count_);
      }
      const ptrdiff_t stride = static_cast<ptrdiff_t>(out_step) * conv_.out.channels;
      for (int i = 0; i < n; ++i) {
        out_[count_ + i] = out + i * stride;
        index_[count_ + i] = index + static_cast<ptrdiff_t>(i) * out_step;
      }
      add_run(out, index, n, out_step);
      count_ += n;
      if (count_ == capacity_) flush();
      count -= n;
      x += n * step;
      out += n * stride;
      index += static_cast<ptrdiff_t>(n) * out_step;
    }
  }

  // The same for pixels that lie one after the other at `from`.
  void add_packed(const float* from, int count, float* out, ptrdiff_t index) {
    while (count > 0) {
      const int n = count < capacity_ - count_ ? count : capacity_ - count_;
      for (int i = 0; i < n; ++i) {
        pointers_[count_ + i] = from + static_cast<ptrdiff_t>(i) * conv_.in.channels;
        out_[count_ + i] = out + static_cast<ptrdiff_t>(i) * conv_.out.channels;
        index_[count_ + i] = index + i;
      }
      add_run(out, index, n, 1);
      count_ += n;
      if (count_ == capacity_) flush();
      count -= n;
      from += static_cast<ptrdiff_t>(n) * conv_.in.channels;
      out += static_cast<ptrdiff_t>(n) * conv_.out.channels;
      index += n;
    }
  }

  void flush() {
    if (count_ == 0) return;
    const int outputs = conv_.out.channels / conv_.group, inputs = conv_.in.channels / conv_.group;
    const Blocks blocks(outputs);
    const float* weights = phase_.weights;
    for (int group = 0; group < conv_.group; ++group) {
      if (group > 0) shift(inputs);
      for (int b = 0; b < blocks.count; ++b) {
        const int first = blocks.first(b) * kLanes, size = blocks.size(b);
        Tile tile;
        tile.stride = capacity_;
        tile.n_taps = n_taps_;
        tile.width = tap_pixels_ * inputs;
        tile.weights = weights;
        tile.bias = conv_.bias + group * blocks.vectors * kLanes + first;
        tile.offset = group * outputs + first;
        tile.channels = outputs - first < size * kLanes ? outputs - first : size * kLanes;
        tile.clamp = clamp_;
        run_tiles(tile, size, !clamp_.whole && !(blocks.count == 1 && conv_.group == 1));
        weights += static_cast<ptrdiff_t>(phase_.n_taps) * inputs * size * kLanes;
      }
    }
    if (!clamp_.whole && blocks.count == 1 && conv_.group == 1) finish_runs();
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

  // Tiles as equal as can be: 13 rows are 7 + 6, not 12 + 1.
  void run_tiles(Tile& tile, int size, bool finish) const {
    static const TileTable table;
    const int tiles = (count_ + tile_rows(size) - 1) / tile_rows(size);
    for (int i = 0, first = 0; i < tiles; ++i) {
      const int rows = count_ / tiles + (i < count_ % tiles ? 1 : 0);
      tile.taps = pointers_ + first;
      tile.out = out_ + first;
      table.kernels[size][rows](tile);
      if (finish) finish_tile(tile, first, rows);
      first += rows;
    }
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

  // Whole pixels at once, when all their channels are there: the fewer the channels, the more that is worth.
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
  const int tap_pixels_, n_taps_, capacity_;
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
  } else if (c.transposed) {
    convolve_transposed(c, segments, count);
  } else {
    convolve(c, segments, count);
  }
}

}  // namespace PS_ISA
}  // namespace patchskip
