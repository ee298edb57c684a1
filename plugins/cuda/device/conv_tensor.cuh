// Convolution of float16 as a matrix product on tensor cores, with sums in float32. Slices of the terms pass through a
// ring in shared memory.
#pragma once
#include "conv_place.cuh"
#include "tensor_core.h"

namespace patchskip {
namespace cuda {

#if PS_TENSOR_CORES

// A thread's copies of a slice: pixels [kPixels][kPixelPitch], then weights [kDepth][kChannelPitch].
template <typename Tile>
struct ConvCopies {
  static constexpr int kAcross = Tile::kDepth / 8;        // threads along a pixel's terms
  static constexpr int kDown = Tile::kThreads / kAcross;  // and along the pixels
  static constexpr int kPixels = (Tile::kPixels + kDown - 1) / kDown;
  static constexpr int kWide = Tile::kChannels / 8;  // threads along a term's channels
  static constexpr int kWeights = Tile::kDepth * kWide / Tile::kThreads;

  Copy pixels[kPixels], weights[kWeights];
};

// Runs body(copy, where it goes in the slice) for pixels, with their place, and for weights, with term and channel.
template <typename Tile, typename Copies, typename Pixels, typename Weights>
PS_DEVICE void for_each_copy(Copies* c, half* slice, const Pixels& pixels, const Weights& weights) {
  const int thread = thread_index() % Tile::kThreads;
#pragma unroll
  for (int i = 0; i < Copies::kPixels; ++i) {
    const int pixel = thread / Copies::kAcross + i * Copies::kDown;
    if (pixel >= Tile::kPixels) break;
    pixels(&c->pixels[i], slice + pixel * Tile::kPixelPitch + thread % Copies::kAcross * 8, pixel);
  }
#pragma unroll
  for (int i = 0; i < Copies::kWeights; ++i) {
    const int eight = thread + i * Tile::kThreads, term = eight / Copies::kWide, channel = eight % Copies::kWide * 8;
    weights(&c->weights[i], slice + Tile::kPixelValues + term * Tile::kChannelPitch + channel, term, channel);
  }
}

// Begins the next slice; walk and weights then are at the one behind it.
template <typename Tile>
PS_DEVICE void begin_slice(const ConvParams& p, const ConvUnit& u, const ConvPlace* places, Walk<half>* walk,
                           const half** weights, half* slice, ConvCopies<Tile>* c) {
  for_each_copy<Tile>(
      c, slice,
      [&](Copy* copy, half* to, int pixel) {
        const ConvPlace place = places[pixel];
        begin_copy(is_inside(p, *walk, place) ? address(p, *walk, place) : nullptr, to, copy);
      },
      [&](Copy* copy, half* to, int term, int channel) {
        const bool there = u.channel + channel < p.padded;
        begin_copy(there ? *weights + term * p.padded + channel : nullptr, to, copy);
      });
  advance(p, u, Tile::kDepth, walk);
  *weights += Tile::kDepth * p.padded;
}

template <typename Tile>
PS_DEVICE void end_slice(half* slice, ConvCopies<Tile>* c) {
  for_each_copy<Tile>(
      c, slice, [](Copy* copy, half* to, int) { end_copy(*copy, to); },
      [](Copy* copy, half* to, int, int) { end_copy(*copy, to); });
}

// A warp's part of a tile.
template <typename Tile>
struct WarpSums {
  static constexpr int kDown = Tile::kWarpPixels / 16, kAcross = Tile::kWarpChannels / 16;  // matrices
  SumMatrix v[kDown][kAcross];
};

template <typename Tile>
PS_DEVICE int first_pixel_of_warp() {
  return thread_index() / 32 / Tile::kWarpsAcross * Tile::kWarpPixels;
}
template <typename Tile>
PS_DEVICE int first_channel_of_warp() {
  return thread_index() / 32 % Tile::kWarpsAcross * Tile::kWarpChannels;
}

template <typename Tile>
PS_DEVICE void multiply_matrices(const half* slice, WarpSums<Tile>* sums) {
  typedef WarpSums<Tile> Sums;
  const half* const pixels = slice + first_pixel_of_warp<Tile>() * Tile::kPixelPitch;
  const half* const weights = slice + Tile::kPixelValues + first_channel_of_warp<Tile>();
#pragma unroll
  for (int term = 0; term < Tile::kDepth; term += 16) {
    HalfMatrix right[Sums::kAcross];
#pragma unroll
    for (int j = 0; j < Sums::kAcross; ++j) {
      load_right(weights + term * Tile::kChannelPitch + j * 16, Tile::kChannelPitch, &right[j]);
    }
#pragma unroll
    for (int i = 0; i < Sums::kDown; ++i) {
      HalfMatrix left;
      load_left(pixels + i * 16 * Tile::kPixelPitch + term, Tile::kPixelPitch, &left);
#pragma unroll
      for (int j = 0; j < Sums::kAcross; ++j) add_product(left, right[j], &sums->v[i][j]);
    }
  }
}

template <typename Tile>
PS_DEVICE void finish_matrices(const ConvParams& p, const ConvUnit& u, const ConvPlace* places,
                               const WarpSums<Tile>& sums, float* shared) {
  typedef WarpSums<Tile> Sums;
  float* const to = shared + first_pixel_of_warp<Tile>() * Tile::kChannels + first_channel_of_warp<Tile>();
#pragma unroll
  for (int i = 0; i < Sums::kDown; ++i) {
#pragma unroll
    for (int j = 0; j < Sums::kAcross; ++j) {
      store_sums(sums.v[i][j], to + i * 16 * Tile::kChannels + j * 16, Tile::kChannels);
    }
  }
  finish_rows<half, Tile>(p, u, places, shared, Tile::kPixels);
}

template <typename Tile>
PS_DEVICE void conv_tensor_share(const ConvParams& p, const ConvShare& share) {
  half* const ring = reinterpret_cast<half*>(dynamic_shared());
  ConvPlace* const places = reinterpret_cast<ConvPlace*>(dynamic_shared() + Tile::kRingBytes);
  for_each_unit<Tile>(p, share, places, [&](const ConvUnit& u) {
    ConvCopies<Tile> copies;
    Walk<half> walk = start_walk<half>(p, u, thread_index() % ConvCopies<Tile>::kAcross * 8);
    const half* weights = weights_of<half>(p, u);
    WarpSums<Tile> sums = {};
    const int slices = (u.terms + Tile::kDepth - 1) / Tile::kDepth;
#pragma unroll
    for (int i = 0; i < Tile::kAhead; ++i) {
      half* const to = ring + i * Tile::kSlice;
      if (i < slices) {
        begin_slice<Tile>(p, u, places, &walk, &weights, to, &copies);
        end_slice<Tile>(to, &copies);
      }
      group_copies();
    }
    const half* now = ring;
    half* then = ring + Tile::kAhead * Tile::kSlice;
    for (int i = 0; i < slices; ++i) {
      wait_copies<Tile::kAhead - 1>();
      sync_threads();
      const bool more = i + Tile::kAhead < slices;
      if (more) begin_slice<Tile>(p, u, places, &walk, &weights, then, &copies);
      group_copies();
      multiply_matrices(now, &sums);
      if (more) end_slice<Tile>(then, &copies);
      now = now == ring + Tile::kAhead * Tile::kSlice ? ring : now + Tile::kSlice;
      then = then == ring + Tile::kAhead * Tile::kSlice ? ring : then + Tile::kSlice;
    }
    sync_threads();
    finish_matrices(p, u, places, sums, reinterpret_cast<float*>(ring));
  });
}

#endif

template <typename Tiles>
PS_DEVICE void conv_tensor(const ConvParams& p) {
#if PS_TENSOR_CORES
  char* const ranked = dynamic_shared() + Tiles::kSharedBytes;
  rank_active(p.grid, ranked);
  conv_tensor_share<typename Tiles::Large>(p, large_share<Tiles>(p, ranked));
  conv_tensor_share<typename Tiles::Small>(p, small_share<Tiles>(p, ranked));
#endif
}

}  // namespace cuda
}  // namespace patchskip
