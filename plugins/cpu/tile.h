// The register-tiled inner kernel of convolution, and the packing of its weights.
//
// The output channels are cut into blocks of 1 to kBlock vectors, the pixels into tiles of up to `tile_rows` rows, so
// that a tile's accumulators fill the register file. For every input float of a tile's taps, `rows` broadcasts meet
// `block` vectors of packed weights. The bias is added last: beside it, every term of a sum would be rounded as
// coarsely as it, and in a picture's empty parts all pixels alike.
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
constexpr int kTileRows = 12;  // of any block
// For how many terms ahead of a sum's present one the weights are asked for. Where few pixels are active they are read
// for one or two tiles only, from far.
constexpr int kTermsAhead = 32;

// The channel blocks of one group: as few as can be, of sizes that differ by at most one vector.
struct Blocks {
  int vectors, count;
  explicit Blocks(int channels) : vectors((channels + kLanes - 1) / kLanes), count((vectors + kBlock - 1) / kBlock) {}
  int size(int i) const { return vectors / count + (i < vectors % count ? 1 : 0); }
  int first(int i) const { return i * (vectors / count) + (i < vectors % count ? i : vectors % count); }
  int begin(const ChannelPart& part) const { return count * part.index / part.of; }
  int end(const ChannelPart& part) const { return count * (part.index + 1) / part.of; }
};

inline int channel_blocks(int channels) { return Blocks(channels).count; }

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
  const void* weights;
  const float* bias;
  float* const* out;
  int offset;    // of the block's first channel in a pixel
  int channels;  // of the block that exist
  Clamp clamp;
};

// Asks for `bytes` from `values` on.
template <size_t bytes>
inline void fetch(const void* values) {
  constexpr size_t kLine = 64;
#pragma GCC unroll 4
  for (size_t at = 0; at < bytes; at += kLine) __builtin_prefetch(static_cast<const char*>(values) + at);
}

// Weight: float, or uint16_t for the bits of a float16.
template <int rows, int block, typename Weight>
void tile_kernel(const Tile& t) {
  Vec sums[rows][block];
  for (int j = 0; j < block; ++j) {
    for (int i = 0; i < rows; ++i) sums[i][j] = splat(0.0f);
  }
  const Weight* weights = static_cast<const Weight*>(t.weights);
  for (int tap = 0; tap < t.n_taps; ++tap) {
    const float* from[rows];
    for (int i = 0; i < rows; ++i) from[i] = t.taps[tap * t.stride + i];
    for (int k = 0; k < t.width; ++k, weights += block * kLanes) {
      Vec w[block];
#pragma GCC unroll 4
      for (int j = 0; j < block; ++j) w[j] = load(weights + j * kLanes);
      if (block > 1) fetch<block * kLanes * sizeof(Weight)>(weights + kTermsAhead * block * kLanes);
#pragma GCC unroll 12
      for (int i = 0; i < rows; ++i) {
        const Vec x = splat(from[i][k]);
#pragma GCC unroll 4
        for (int j = 0; j < block; ++j) sums[i][j] += x * w[j];
      }
    }
  }
  const Vec low = splat(t.clamp.low), high = splat(t.clamp.high);
  Vec bias[block];
#pragma GCC unroll 4
  for (int j = 0; j < block; ++j) bias[j] = load(t.bias + j * kLanes);
  const bool partial = t.channels < block * kLanes;
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i) {
    float* out = t.out[i] + t.offset;
#pragma GCC unroll 4
    for (int j = 0; j < block; ++j) {
      const Vec v = min(high, max(low, sums[i][j] + bias[j]));
      if (j + 1 < block || !partial) {
        store(out + j * kLanes, v);
      } else {
        store_first(out + j * kLanes, v, t.channels - j * kLanes);
      }
    }
  }
}

typedef void (*TileKernel)(const Tile&);

template <typename Weight, int block, int rows>
struct FillTable {
  static void fill(TileKernel (*table)[kTileRows + 1]) {
    table[block][rows] = tile_kernel<rows, block, Weight>;
    FillTable<Weight, block, rows - 1>::fill(table);
  }
};
template <typename Weight, int block>
struct FillTable<Weight, block, 0> {
  static void fill(TileKernel (*table)[kTileRows + 1]) {
    FillTable<Weight, block - 1, tile_rows(block - 1)>::fill(table);
  }
};
template <typename Weight, int rows>
struct FillTable<Weight, 0, rows> {
  static void fill(TileKernel (*)[kTileRows + 1]) {}
};

template <typename Weight>
struct TileTable {
  TileKernel kernels[kBlock + 1][kTileRows + 1] = {};
  TileTable() { FillTable<Weight, kBlock, tile_rows(kBlock)>::fill(kernels); }
};

template <typename Weight>
inline TileKernel tile_of(int block, int rows) {
  static const TileTable<Weight> table;
  return table.kernels[block][rows];
}

// Runs body(first, rows) for tiles as equal as can be: 13 rows are 7 + 6, not 12 + 1.
template <typename Body>
inline void for_each_tile(int count, int block, const Body& body) {
  const int tiles = (count + tile_rows(block) - 1) / tile_rows(block);
  for (int i = 0, first = 0; i < tiles; ++i) {
    const int rows = count / tiles + (i < count % tiles ? 1 : 0);
    body(first, rows);
    first += rows;
  }
}

}  // namespace PS_ISA
}  // namespace patchskip
