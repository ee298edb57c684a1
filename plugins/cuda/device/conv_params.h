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
  Divisor by_channel_tiles, by_groups;
  int parts;  // of a tile of pixels: tiles of channels, groups, phases of columns, phases of rows
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
template <int pixels, int channels, int thread_pixels, int thread_channels>
struct ConvTile {
  static constexpr int kPixels = pixels, kChannels = channels, kThreadPixels = thread_pixels,
                       kThreadChannels = thread_channels;
  static constexpr int kThreads = pixels / thread_pixels * (channels / thread_channels);
  static constexpr int kDepth = 8;  // terms of a slice
  static constexpr int kSlice = kDepth * (pixels + channels);
  // Two slices and the places, before what rank_active takes.
  static constexpr int kSharedBytes = 2 * kSlice * 4 + pixels * static_cast<int>(sizeof(ConvPlace));
};

typedef ConvTile<64, 64, 8, 8> ConvTile64x64;
typedef ConvTile<128, 32, 8, 8> ConvTile128x32;
typedef ConvTile<128, 16, 8, 4> ConvTile128x16;
typedef ConvTile<32, 32, 4, 4> ConvTile32x32;

// The same on tensor cores: a warp computes 32 x 32 of it. Rows of shared memory are eight halves longer than what they
// hold, so that eight rows of a matrix lie in different banks.
template <int pixels, int channels>
struct ConvTensorTile {
  static constexpr int kPixels = pixels, kChannels = channels, kThreads = pixels * channels / 32;
  static constexpr int kWarpsAcross = channels / 32;
  static constexpr int kDepth = 32;
  static constexpr int kPixelPitch = kDepth + 8, kChannelPitch = channels + 8;
  static constexpr int kPixelValues = pixels * kPixelPitch;
  static constexpr int kSlice = kPixelValues + kDepth * kChannelPitch;
  static constexpr int kAhead = 2;                     // slices that are on their way while one is multiplied
  static constexpr int kRing = (kAhead + 1) * kSlice;  // halves
  static constexpr int kSharedBytes = kRing * 2 + pixels * static_cast<int>(sizeof(ConvPlace));
  static_assert(pixels * channels * 4 <= kRing * 2, "the sums fit where the slices were");
};

typedef ConvTensorTile<64, 64> ConvTensorTile64x64;
typedef ConvTensorTile<128, 32> ConvTensorTile128x32;
typedef ConvTensorTile<32, 32> ConvTensorTile32x32;

}  // namespace cuda
}  // namespace patchskip
