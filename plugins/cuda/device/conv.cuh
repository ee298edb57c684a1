// Convolution as a matrix product, pixels x terms by terms x channels, in float32. A block computes tiles; the terms
// pass through shared memory in slices, of which the next is on its way while one is being multiplied.
#pragma once
#include "conv_place.cuh"

namespace patchskip {
namespace cuda {

// A slice in shared memory: pixels [kDepth][kPixels], then weights [kDepth][kChannels]. The pixels of each 32 lie in
// another order in each row, so that threads which write different terms of one pixel meet different banks. The order
// keeps fours together.
template <int kWidth, typename Tile>
PS_DEVICE int swizzled(int pixel, int term) {
  constexpr int kAmong = Tile::kPixels < 32 ? Tile::kPixels : 32;
  return pixel ^ ((term / 4 * 16 + (kWidth == 1 ? term % 4 * 4 : 0)) % kAmong);
}

// The compiler is told how many threads there are.
template <typename Tile>
PS_DEVICE int thread_of() {
  return thread_index() % Tile::kThreads;
}

// A thread's part of a slice between memory and shared memory. It reads kWidth channels at once.
template <typename T, int kWidth, typename Tile>
struct ConvFetch {
  static constexpr int kAcross = Tile::kDepth / kWidth;                // threads along a pixel's terms
  static constexpr int kDown = Tile::kThreads / kAcross;               // and along the pixels
  static constexpr int kPixels = (Tile::kPixels + kDown - 1) / kDown;  // of one thread
  static constexpr int kQuads = Tile::kDepth * Tile::kChannels / 4;    // of the weights
  static constexpr int kWeights = (kQuads + Tile::kThreads - 1) / Tile::kThreads;

  Raw<T, kWidth> pixels[kPixels];
  Raw<T, 4> weights[kWeights];
};

// The next slice; walk and weights then are at the one behind it.
template <typename T, int kWidth, typename Tile>
PS_DEVICE void fetch(const ConvParams& p, const ConvUnit& u, const ConvPlace* places, Walk<T>* walk, const T** weights,
                     ConvFetch<T, kWidth, Tile>* f) {
  typedef ConvFetch<T, kWidth, Tile> Fetch;
#pragma unroll
  for (int i = 0; i < Fetch::kPixels; ++i) {
    const int pixel = thread_of<Tile>() / Fetch::kAcross + i * Fetch::kDown;
    f->pixels[i] = Raw<T, kWidth>();
    if (pixel >= Tile::kPixels) break;
    const ConvPlace place = places[pixel];
    if (is_inside(p, *walk, place)) load_raw(address(p, *walk, place), &f->pixels[i]);
  }
#pragma unroll
  for (int i = 0; i < Fetch::kWeights; ++i) {
    const int quad = thread_of<Tile>() + i * Tile::kThreads;
    const int term = quad / (Tile::kChannels / 4), channel = quad % (Tile::kChannels / 4) * 4;
    const bool there = quad < Fetch::kQuads && u.channel + channel < p.padded;
    f->weights[i] = Raw<T, 4>();
    if (there) load_raw(*weights + term * p.padded + channel, &f->weights[i]);
  }
  advance(p, u, Tile::kDepth, walk);
  *weights += Tile::kDepth * p.padded;
}

template <typename T, int kWidth, typename Tile>
PS_DEVICE void put(const ConvFetch<T, kWidth, Tile>& f, float* slice) {
  typedef ConvFetch<T, kWidth, Tile> Fetch;
  const int pixel = thread_of<Tile>() / Fetch::kAcross, term = thread_of<Tile>() % Fetch::kAcross * kWidth;
#pragma unroll
  for (int i = 0; i < Fetch::kPixels; ++i) {
    const int down = i * Fetch::kDown, within = down % 32;
    if (pixel + down >= Tile::kPixels) break;
    float* const to = slice + term * Tile::kPixels + swizzled<kWidth, Tile>(pixel + within, term) + (down - within);
    const Vec<kWidth> values_ = values(f.pixels[i]);
#pragma unroll
    for (int c = 0; c < kWidth; ++c) to[c * Tile::kPixels] = values_.v[c];
  }
  float* const weights = slice + Tile::kDepth * Tile::kPixels;
#pragma unroll
  for (int i = 0; i < Fetch::kWeights; ++i) {
    const int quad = thread_of<Tile>() + i * Tile::kThreads;
    if (quad < Fetch::kQuads) store4(weights + quad * 4, values(f.weights[i]));
  }
}

// A thread's sums are fours of neighbouring pixels (in small tiles two) by fours of neighbouring channels, the fours
// spread over the tile: what eight threads read of a row of shared memory then lies side by side.
template <typename Tile>
struct ConvSums {
  static constexpr int kAcross = Tile::kChannels / Tile::kThreadChannels;  // threads
  static constexpr int kRun = Tile::kThreadPixels < 4 ? Tile::kThreadPixels : 4;
  static constexpr int kPixelRuns = Tile::kThreadPixels / kRun, kChannelFours = Tile::kThreadChannels / 4;
  static constexpr int kPixelStep = Tile::kPixels / kPixelRuns, kChannelStep = Tile::kChannels / kChannelFours;

  float v[Tile::kThreadPixels][Tile::kThreadChannels];
};

template <int kWidth, typename Tile>
PS_DEVICE void multiply(const float* slice, ConvSums<Tile>* sums) {
  typedef ConvSums<Tile> Sums;
  const int pixel = thread_of<Tile>() / Sums::kAcross * Sums::kRun, channel = thread_of<Tile>() % Sums::kAcross * 4;
  const float* const weights = slice + Tile::kDepth * Tile::kPixels + channel;
#pragma unroll
  for (int term = 0; term < Tile::kDepth; ++term) {
    const float* pixels = slice + term * Tile::kPixels + swizzled<kWidth, Tile>(pixel, term);
    Vec<Sums::kRun> a[Sums::kPixelRuns];
    Vec4 b[Sums::kChannelFours];
#pragma unroll
    for (int i = 0; i < Sums::kPixelRuns; ++i) read_run(pixels + i * Sums::kPixelStep, &a[i]);
#pragma unroll
    for (int i = 0; i < Sums::kChannelFours; ++i)
      b[i] = read4(weights + term * Tile::kChannels + i * Sums::kChannelStep);
#pragma unroll
    for (int i = 0; i < Tile::kThreadPixels; ++i) {
#pragma unroll
      for (int j = 0; j < Tile::kThreadChannels; ++j) {
        sums->v[i][j] += a[i / Sums::kRun].v[i % Sums::kRun] * b[j / 4].v[j % 4];
      }
    }
  }
}

// The sums leave by way of shared memory, where the slices were: side by side. The loop is not unrolled: four pixels'
// sums leave, those of the next four take their place.
template <typename T, typename Tile>
PS_DEVICE void finish_tile(const ConvParams& p, const ConvUnit& u, const ConvPlace* places, ConvSums<Tile>* sums,
                           float* shared) {
  typedef ConvSums<Tile> Sums;
  static_assert(Sums::kPixelStep * Tile::kChannels * 4 <= Tile::kRingBytes, "the sums fit where the slices were");
  const int pixel = thread_of<Tile>() / Sums::kAcross * Sums::kRun, channel = thread_of<Tile>() % Sums::kAcross * 4;
#pragma unroll 1
  for (int run = 0; run < Sums::kPixelRuns; ++run) {
#pragma unroll
    for (int i = 0; i < Sums::kRun; ++i) {
#pragma unroll
      for (int j = 0; j < Sums::kChannelFours; ++j) {
        const float* v = sums->v[i] + j * 4;
        store4(shared + (pixel + i) * Tile::kChannels + j * Sums::kChannelStep + channel, {{v[0], v[1], v[2], v[3]}});
      }
    }
    finish_rows<T, Tile>(p, u, places + run * Sums::kPixelStep, shared, Sums::kPixelStep);
#pragma unroll
    for (int i = Sums::kRun; i < Tile::kThreadPixels; ++i) {
#pragma unroll
      for (int j = 0; j < Tile::kThreadChannels; ++j) sums->v[i - Sums::kRun][j] = sums->v[i][j];
    }
  }
}

template <typename T, int kWidth, typename Tile>
PS_DEVICE void conv_share(const ConvParams& p, const ConvShare& share) {
  float* const slices = reinterpret_cast<float*>(dynamic_shared());
  ConvPlace* const places = reinterpret_cast<ConvPlace*>(dynamic_shared() + Tile::kRingBytes);
  for_each_unit<Tile>(p, share, places, [&](const ConvUnit& u) {
    typedef ConvFetch<T, kWidth, Tile> Fetch;
    Walk<T> walk = start_walk<T>(p, u, thread_of<Tile>() % Fetch::kAcross * kWidth);
    const T* weights = weights_of<T>(p, u);
    ConvSums<Tile> sums = {};
    Fetch next;
    float *now = slices, *then = slices + Tile::kSlice;
    if (u.terms > 0) {
      fetch(p, u, places, &walk, &weights, &next);
      put(next, now);
    }
    sync_threads();
    for (int term = 0; term < u.terms; term += Tile::kDepth) {
      const bool more = term + Tile::kDepth < u.terms;
      if (more) fetch(p, u, places, &walk, &weights, &next);
      multiply<kWidth>(now, &sums);
      if (more) put(next, then);
      sync_threads();
      float* const done = now;
      now = then;
      then = done;
    }
    finish_tile<T>(p, u, places, &sums, slices);
  });
}

// kWidth: 4, or 1 where a source's channels are no multiple of four.
template <typename T, int kWidth, typename Tiles>
PS_DEVICE void conv(const ConvParams& p) {
  char* const ranked = dynamic_shared() + Tiles::kSharedBytes;
  rank_active(p.grid, ranked);
  conv_share<T, kWidth, typename Tiles::Large>(p, large_share<Tiles>(p, ranked));
  conv_share<T, kWidth, typename Tiles::Small>(p, small_share<Tiles>(p, ranked));
}

}  // namespace cuda
}  // namespace patchskip
