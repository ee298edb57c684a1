// What a kernel computes and on which memory: plain structures, and the table of one instruction set's kernels.
//
// A kernel computes *segments*: runs of pixels of one row. It writes C floats a pixel, contiguously, to wherever the
// segment points: into the tensor, or into scratch when the result must first be compared with what it replaces.
// Kernels check nothing, allocate nothing and keep nothing. Each value is computed by the same instructions in the same
// order wherever its pixel stands in a segment: a sparse frame is bit for bit the dense one.
#pragma once
#include <cstddef>
#include <cstdint>

#include "common/structures.h"

namespace patchskip {

struct Segment {
  int y, x0, x1;
  float* out;
  // If not null: for each pixel, 0 when it need not be computed.
  const int32_t* wanted = nullptr;
};

// One of several equal parts of the blocks of output channels: all that is computed. Only where group is 1.
struct ChannelPart {
  int index = 0, of = 1;
};

// Convolution as a matrix product over listed pixels. A *tap* is a run of `width` input floats that lie next to each
// other (a whole row of the kernel where that is possible); an output pixel's row of the matrix is its taps.
// A transposed convolution is one such product for each phase of its stride.
struct Tap {
  int dy, dx;
};

struct GemmPhase {
  const Tap* taps = nullptr;
  int n_taps = 0;
  const void* weights = nullptr;  // packed by pack_weights: float, or float16 as uint16_t
};

// One of several runs of channels, all of one width, that together are a pixel: of the tensor's first pixel, and how
// many floats it is from pixel to pixel.
struct ChannelTap {
  const float* first;
  ptrdiff_t stride;
};

struct GemmConv {
  ChannelPart part;
  const float* x = nullptr;
  const float* pixels = nullptr;       // if not null, instead of x: the segments' own input pixels, one after the other
  const ChannelTap* joined = nullptr;  // likewise, of n_joined tensors or parts of them
  int n_joined = 0;
  Plane in, out;
  int stride_h = 1, stride_w = 1, pad_top = 0, pad_left = 0;
  bool transposed = false;
  bool halves = false;  // are the weights float16? The same numbers give the same sums
  int group = 1;
  int tap_pixels = 1;                 // input pixels under one tap
  const float* bias = nullptr;        // padded for each group to whole vectors
  const float* zeros = nullptr;       // a tap's width of zeros
  const GemmPhase* phases = nullptr;  // stride_h * stride_w of them when transposed, else one
  Finish finish;
};

// 3x3, stride 1, on squares of two by two outputs. Segments begin at even columns, and come in pairs of rows of which
// the first is even; at the tensor's border they may be cut.
struct WinogradConv {
  static constexpr int kPlaces = 16;             // products for each square
  static constexpr int kMostSquares = 48;        // at a time
  static constexpr int kMostBlockChannels = 64;  // of a block of output channels
  ChannelPart part;
  const float* x = nullptr;
  Plane in, out;
  int pad_top = 0, pad_left = 0;
  const float* weights = nullptr;  // packed by pack_winograd
  const float* bias = nullptr;     // padded to whole vectors
  const float* zeros = nullptr;    // a pixel of X, and at least a block of output channels
  int squares = 0;                 // at a time
  float* scratch = nullptr;        // kPlaces * squares * (input channels + kMostBlockChannels)
  Finish finish;
};

// One filter for each channel; `weights` are [taps, C].
struct DepthwiseConv {
  const float* x = nullptr;
  Plane in, out;
  Window window;
  bool transposed = false;
  const float* weights = nullptr;
  const float* bias = nullptr;
  Finish finish;
};

// What the taps of a deformable convolution read. `out` is of the output's size; its channels are
// [group][tap][channel of the group].
struct DeformSamples {
  const float *x = nullptr, *offset = nullptr;
  const float* mask = nullptr;  // null: 1
  Plane in, out;
  Window window;
  int group = 1, offset_group = 1;
  const float* zeros = nullptr;  // a pixel of X
};

struct Pool {
  const float* x = nullptr;
  Plane in, out;
  Window window;
  bool average = false, count_include_pad = false;
  int pad_bottom = 0, pad_right = 0;
  Finish finish;
};

// Output row y mixes input rows rows[2y] and rows[2y + 1] in shares 1 - row_share[y] and row_share[y]; columns alike.
struct Resize {
  const float* x = nullptr;
  Plane in, out;
  bool linear = false;
  const int *rows = nullptr, *columns = nullptr;
  const float *row_share = nullptr, *column_share = nullptr;
  Finish finish;
};

struct Elementwise {
  const float *a = nullptr, *b = nullptr;
  Plane out;
  bool multiply = false;
  Finish finish;
};

// Output channels as runs copied from inputs (Concat, ChannelMap, Identity); source null: zeros.
struct ChannelRun {
  int source;  // which input, or -1 for zeros
  int from, to, count;
};

struct ChannelCopy {
  const float* const* inputs = nullptr;
  const int* input_channels = nullptr;
  const ChannelRun* runs = nullptr;
  int n_runs = 0;
  Plane out;
  Finish finish;
};

// A patch's pixels, [y0, y1) x [x0, x1), and the values it may replace: both with `stride` floats from row to row.
struct Comparison {
  const float *fresh, *kept;
  ptrdiff_t fresh_stride, kept_stride;
  int height, width, channels, cell;
  float threshold;
  const float* weights;  // of each channel's difference, for changed_weighted
};

// The cells of a picture, `cell` x `cell` pixels each; weights: of each channel's difference, or null.
struct CellChanges {
  Image image;
  int cell;
  const float* weights;
};

// A row of a mask as bits: bit i of word j is value 64 j + i.
inline int mask_words(int columns) { return (columns + 63) / 64; }

struct Kernels {
  const char* isa;
  int lanes;
  bool halves;  // can `gemm_conv` read float16 weights?
  // Weights [M, C/group, kh, kw] (or [C, M/group, kh, kw] when transposed), those under the listed kernel positions,
  // packed for `gemm_conv`. Returns the number of floats; packs when `packed` is not null.
  size_t (*pack_weights)(const float* weights, int outputs, int inputs, int group, int kernel_h, int kernel_w,
                         bool transposed, const Tap* positions, int n_positions, float* packed);
  // Into how many blocks `gemm_conv` and `winograd_conv` cut the output channels of a group.
  int (*channel_blocks)(int channels);
  // Weights [M, C, 3, 3], likewise for `winograd_conv`.
  size_t (*pack_winograd)(const float* weights, int outputs, int inputs, float* packed);
  void (*gemm_conv)(const GemmConv&, const Segment*, int count);
  void (*winograd_conv)(const WinogradConv&, const Segment*, int count);
  void (*depthwise_conv)(const DepthwiseConv&, const Segment*, int count);
  void (*deform_samples)(const DeformSamples&, const Segment*, int count);
  void (*pool)(const Pool&, const Segment*, int count);
  void (*resize)(const Resize&, const Segment*, int count);
  void (*elementwise)(const Elementwise&, const Segment*, int count);
  void (*channel_copy)(const ChannelCopy&, const Segment*, int count);
  void (*image)(const Image&, const Segment*, int count);
  void (*finish)(const Finish&, float* values, ptrdiff_t index, ptrdiff_t count, int channels);
  // Which values are not 0 -> [rows, mask_words(columns)].
  void (*mask_bits)(const int32_t* mask, int rows, int columns, uint64_t* bits);
  // The reverse: 1 where the bit is set, else 0.
  void (*bits_mask)(const uint64_t* bits, int rows, int columns, int32_t* mask);
  // Has any cell of the patch changed by more than the threshold? The second weighs the channels.
  bool (*changed)(const Comparison&);
  bool (*changed_weighted)(const Comparison&);
  // For the row of cells [y0, y1) of an image: their means [cells, C], and how far each is from those kept [cells].
  void (*cell_changes)(const CellChanges&, int y0, int y1, const float* kept, float* means, float* changes);
  // Do the image's pixels (y, x0..x1) differ from these?
  bool (*differs)(const Image&, int y, int x0, int x1, const float* kept);
};

const Kernels* best_kernels();         // or the one chosen by PATCHSKIP_ISA or select_kernels
bool select_kernels(const char* isa);  // false: not built in, or not for this machine
const Kernels* const* usable_kernels(int* count);

}  // namespace patchskip
