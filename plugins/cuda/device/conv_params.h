// Of the convolutions by matrix product (conv_place.cuh, conv.cuh, conv_tensor.cuh).
#pragma once
#include "params.h"

namespace patchskip {
namespace cuda {

constexpr int kMostSources = 16, kMostStride = 8;
constexpr int kMostDepth = 32;  // terms of a slice: rows of zeros that end the weights

// A tensor whose channels a pixel's sum reads. Several are read as if they were joined on channels.
struct ConvSource {
  const void* x;
  int pitch;     // values from a pixel to the next
  int channels;  // that a group reads
};

// Output rows that the kernel reaches in the same way.
struct ConvPhase {
  int taps, before;  // rows of the kernel that they read through; and those of the phases before
  int origin;
};

// Rows, or columns. Row y of the output, with y + shift = step * j + phase, reads the rows
// stride * j + origin + dilation * t of the input, t = 0 ... taps - 1. A convolution has a step of one; a transposed
// one has a phase for each place between two rows of its input.
struct ConvAxis {
  Divisor by_step;
  int shift, stride, dilation;
  int taps;  // of all phases: the kernel's side
  ConvPhase phases[kMostStride];
};

// A place of a tile, and where the pixel's first tap lies.
struct alignas(16) ConvPlace {
  int y, x, pixel;  // of the input; `pixel` counts them row by row
  int out;          // the pixel of the output, row by row, or -1: none
};

struct ConvParams {
  Grid grid;
  ConvAxis y, x;
  Divisor by_area, by_width;  // a patch's pixels of one phase, and those of one of their rows
  Divisor by_groups;
  int enough;  // units of work: fewer leave the GPU idle
  int in_height, in_width, n_sources;
  ConvSource sources[kMostSources];
  int terms;            // channels of all sources that a group reads
  int outputs, padded;  // channels that a group makes; the same, as the weights have them
  const void* weights;  // [group][phase of rows][phase of columns][tap][terms][padded]
  const float* bias;
  void* out;
  Finish finish;
};

// A block's tile of a convolution without tensor cores, and what a thread computes of it.
template <int pixels, int channels, int thread_pixels, int thread_channels, int depth>
struct ConvTile {
  static constexpr int kPixels = pixels, kChannels = channels, kThreadPixels = thread_pixels,
                       kThreadChannels = thread_channels;
  static constexpr int kThreads = pixels / thread_pixels * (channels / thread_channels);
  static constexpr int kDepth = depth;  // terms of a slice
  static constexpr int kSlice = kDepth * (pixels + channels);
  static constexpr int kRingBytes = 2 * kSlice * 4, kBytes = kRingBytes + pixels * sizeof(ConvPlace);
};

// The same on tensor cores, and what a warp computes of it. Rows of shared memory are eight halves longer than what
// they hold, so that eight rows of a matrix lie in different banks.
template <int pixels, int channels, int warp_pixels, int warp_channels>
struct ConvTensorTile {
  static constexpr int kPixels = pixels, kChannels = channels, kWarpPixels = warp_pixels, kWarpChannels = warp_channels;
  static constexpr int kWarpsAcross = channels / warp_channels;
  static constexpr int kThreads = 32 * (pixels / warp_pixels) * kWarpsAcross;
  static constexpr int kDepth = 32;
  static constexpr int kPixelPitch = kDepth + 8, kChannelPitch = channels + 8;
  static constexpr int kPixelValues = pixels * kPixelPitch;
  static constexpr int kSlice = kPixelValues + kDepth * kChannelPitch;  // halves
  static constexpr int kAhead = 2;  // slices that are on their way while one is multiplied
  static constexpr int kRingBytes = (kAhead + 1) * kSlice * 2, kBytes = kRingBytes + pixels * sizeof(ConvPlace);
  static_assert(pixels * channels * 4 <= kRingBytes, "the sums fit where the slices were");
};

// A kernel's tiles: the active pixels fill large ones, the rest goes to small ones.
template <typename large, typename small>
struct ConvTiles {
  typedef large Large;
  typedef small Small;
  static constexpr int kSmallCost = 2;  // of a small tile's multiplication, in multiplications of a large one
  static_assert(large::kThreads == small::kThreads, "the same threads compute either");
  // Before what rank_active takes.
  static constexpr int kSharedBytes = large::kBytes > small::kBytes ? large::kBytes : small::kBytes;
};

typedef ConvTiles<ConvTile<64, 64, 8, 8, 8>, ConvTile<8, 64, 2, 4, 16>> ConvTiles64x64_8x64;
typedef ConvTiles<ConvTile<128, 32, 8, 8, 8>, ConvTile<16, 32, 2, 4, 16>> ConvTiles128x32_16x32;
typedef ConvTiles<ConvTile<128, 16, 8, 4, 8>, ConvTile<32, 16, 2, 4, 16>> ConvTiles128x16_32x16;
typedef ConvTiles<ConvTensorTile<64, 64, 32, 32>, ConvTensorTile<16, 64, 16, 16>> ConvTensorTiles64x64_16x64;
typedef ConvTiles<ConvTensorTile<128, 32, 32, 32>, ConvTensorTile<32, 32, 16, 16>> ConvTensorTiles128x32_32x32;

}  // namespace cuda
}  // namespace patchskip
