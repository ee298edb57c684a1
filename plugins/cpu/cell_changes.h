// How much each cell of a picture changed: what PatchGate compares.
#pragma once

#include "kernels.h"
#include "simd.h"

namespace patchskip {
namespace PS_ISA {

constexpr int kMostColours = 4;  // of a pixel that is read as one number

// Column sums. Four rows at a time: the sums are read and written less often.
template <typename Value, typename Sum>
inline void sum_rows(const Value* from, ptrdiff_t row, int rows, int count, Sum* columns) {
  const auto add_four = [=](const Value* a, auto before) {
    const Value *b = a + row, *c = b + row, *d = c + row;
    for (int i = 0; i < count; ++i) columns[i] = static_cast<Sum>(before(i) + a[i] + b[i] + c[i] + d[i]);
  };
  int y = 0;
  for (; y + 4 <= rows; y += 4) {
    if (y == 0) {
      add_four(from, [](int) { return Sum(0); });
    } else {
      add_four(from + y * row, [=](int i) { return columns[i]; });
    }
  }
  for (; y < rows; ++y) {
    const Value* a = from + y * row;
    for (int i = 0; i < count; ++i) columns[i] = static_cast<Sum>(y == 0 ? a[i] : columns[i] + a[i]);
  }
}

// The sums of a cell's columns go to its first pixel, `step` values of one pixel side by side. Cells of a power of two
// by halves, 1 + 1, 2 + 2, ... pixels: all of it runs along memory.
template <typename Sum>
inline void sum_columns(int pixels, int step, int cell, Sum* columns) {
  const int n = pixels * step;
  if ((cell & (cell - 1)) == 0) {
    for (int reach = step; reach < cell * step; reach *= 2) {
#pragma GCC ivdep
      for (int i = 0; i < n; ++i) columns[i] = static_cast<Sum>(columns[i] + columns[i + reach]);
    }
    return;
  }
  for (int x = 0; x < pixels; x += cell) {
    const int end = x + cell < pixels ? x + cell : pixels;
    for (int i = (x + 1) * step; i < end * step; ++i) {
      Sum& total = columns[x * step + i % step];
      total = static_cast<Sum>(total + columns[i]);
    }
  }
}

// Where a cell's sums go: those of the listed channels of a pixel (null: of the first `n`), `step` floats from cell to
// cell.
struct Cells {
  const int* channels;
  int n;
  float* out;
  int step;
  int channel(int i) const { return channels ? channels[i] : i; }
};

template <typename Sum>
inline void gather_values(int pixels, int step, int cell, Sum* columns, const Cells& to) {
  sum_columns(pixels, step, cell, columns);
  for (int c = 0; c < to.n; ++c) {
    const Sum* from = columns + to.channel(c);
    float* out = to.out + c;
    for (int x = 0; x < pixels; x += cell, from += cell * step, out += to.step) *out = static_cast<float>(*from);
  }
}

// The same for pixels of three or four sums of 16 bits, which are added as one number: none of them can overflow.
inline void gather_colours(int pixels, int step, int cell, uint16_t* columns, const Cells& to) {
  const auto sums_of = [](const uint16_t* pixel) {
    uint64_t sums;
    std::memcpy(&sums, pixel, sizeof(sums));
    return sums;
  };
  const int n = to.n;
  int shifts[kMostColours];
  for (int c = 0; c < n; ++c) shifts[c] = 16 * to.channel(c);
  float* out = to.out;
  for (int x = 0; x < pixels; x += cell, columns += cell * step, out += to.step) {
    uint64_t even = 0, odd = 0;  // two sums: an addition waits for one of them
    for (int i = 0; i + 1 < cell; i += 2) {
      even += sums_of(columns + i * step);
      odd += sums_of(columns + (i + 1) * step);
    }
    const uint64_t total = even + odd + (cell % 2 ? sums_of(columns + (cell - 1) * step) : 0);
    for (int c = 0; c < n; ++c) out[c] = static_cast<float>(total >> shifts[c] & 0xffff);
  }
}

inline void gather(int pixels, int step, int cell, float* columns, const Cells& to) {
  gather_values(pixels, step, cell, columns, to);
}
inline void gather(int pixels, int step, int cell, uint16_t* columns, const Cells& to) {
  ((step == 3 || step == 4) && to.n <= kMostColours ? gather_colours : gather_values<uint16_t>)(pixels, step, cell,
                                                                                                columns, to);
}

template <typename Value, typename Sum>
inline void cell_sums(const Image& im, int y0, int y1, int cell, float* sums) {
  const int channels = im.out.channels, width = im.out.width;
  const int step = im.planar ? 1 : im.in_channels;
  const ptrdiff_t row = static_cast<ptrdiff_t>(width) * step;
  // A piece of the row at a time: its sums stay in the first-level cache.
  constexpr int kPiece = 4096;
  Sum columns[kPiece + kMostImageChannels * kMostCell + kMostColours];
  const int cells = kPiece / (cell * step) > 0 ? kPiece / (cell * step) : 1;
  const int planes = im.planar ? channels : 1;
  for (int p = 0; p < planes; ++p) {
    const int plane = im.planar && im.channels ? im.channels[p] : p;
    const Value* values = static_cast<const Value*>(im.x) + plane * row * im.out.height + y0 * row;
    for (int x0 = 0; x0 < width; x0 += cells * cell) {
      const int x1 = x0 + cells * cell < width ? x0 + cells * cell : width, n = (x1 - x0) * step;
      sum_rows(values + static_cast<ptrdiff_t>(x0) * step, row, y1 - y0, n, columns);
      // What lies beyond the last pixel counts as nothing.
      for (int i = n; i < n + cell * step + kMostColours; ++i) columns[i] = 0;
      float* out = sums + static_cast<ptrdiff_t>(x0 / cell) * channels;
      const Cells whole = {im.channels, channels, out, channels}, one = {nullptr, 1, out + p, channels};
      gather(x1 - x0, step, cell, columns, im.planar ? one : whole);
    }
  }
}

// Sums become the means of normalised pixels.
inline void normalise_means(const Image& im, int rows, int cell, float* values) {
  const int channels = im.out.channels, whole = im.out.width / cell, cells = (im.out.width + cell - 1) / cell;
  const float share = 1.0f / static_cast<float>(rows * cell);
  for (int i = 0; i < whole * channels; ++i) values[i] *= share;
  if (whole < cells) {
    const float rest = 1.0f / static_cast<float>(rows * (im.out.width - whole * cell));
    for (int c = 0; c < channels; ++c) values[whole * channels + c] *= rest;
  }
  // Two loops: the product is rounded before the sum is made.
  for (int i = 0; im.scale && i < cells * channels; i += channels) {
    for (int c = 0; c < channels; ++c) values[i + c] *= im.scale[c];
  }
  for (int i = 0; im.bias && i < cells * channels; i += channels) {
    for (int c = 0; c < channels; ++c) values[i + c] += im.bias[c];
  }
}

// `fixed`: how many channels there are, or 0 when it may be any number.
template <int fixed>
inline void sum_differences(const float* means, const float* kept, const float* weights, int cells, int any,
                            float* changes) {
  const int channels = fixed ? fixed : any;
  for (int i = 0; i < cells; ++i) {
    float change = 0;
    for (int c = 0; c < channels; ++c) {
      const float difference = __builtin_fabsf(means[i * channels + c] - kept[i * channels + c]);
      change += weights ? weights[c] * difference : difference;
    }
    changes[i] = change;
  }
}

inline void cell_changes(const CellChanges& g, int y0, int y1, const float* kept, float* means, float* changes) {
  const Image& im = g.image;
  (im.bytes ? cell_sums<uint8_t, uint16_t> : cell_sums<float, float>)(im, y0, y1, g.cell, means);
  normalise_means(im, y1 - y0, g.cell, means);
  const int cells = (im.out.width + g.cell - 1) / g.cell;
  (im.out.channels == 3 ? sum_differences<3> : sum_differences<0>)(means, kept, g.weights, cells, im.out.channels,
                                                                   changes);
}

}  // namespace PS_ISA
}  // namespace patchskip
