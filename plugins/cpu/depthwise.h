// Depthwise convolution and its transpose: vectors run over channels, one filter tap of them meets one input pixel.
#pragma once
#include "channels.h"
#include "finish.h"
#include "tile.h"

namespace patchskip {
namespace PS_ISA {

// The taps of a window that fall inside [0, size), for the window that begins at `from`.
struct TapRange {
  int begin, end;
  TapRange(int from, int kernel, int dilation, int size) : begin(0), end(kernel) {
    while (begin < end && from + begin * dilation < 0) ++begin;
    while (end > begin && from + (end - 1) * dilation >= size) --end;
  }
};

// The taps of one output pixel that meet input pixels: where the first of each lies, and how far it is to the next
// ones.
struct TapWalk {
  const float *x, *filter;
  ptrdiff_t x_row, x_column, filter_row, filter_column;
  int rows, columns;
};

template <int block, typename Lanes>
inline void depthwise_vectors(const DepthwiseConv& d, const Clamp& clamp, const TapWalk& walk, ptrdiff_t c, Lanes lanes,
                              float* out) {
  Vec total[block];
#pragma GCC unroll 4
  for (int j = 0; j < block; ++j) total[j] = splat(0.0f);
  for (int row = 0; row < walk.rows; ++row) {
    const float *x = walk.x + row * walk.x_row + c, *filter = walk.filter + row * walk.filter_row + c;
    for (int k = 0; k < walk.columns; ++k, x += walk.x_column, filter += walk.filter_column) {
#pragma GCC unroll 4
      for (int j = 0; j < block; ++j) total[j] += lanes.read(x + j * kLanes) * lanes.read(filter + j * kLanes);
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < block; ++j) {
    total[j] += lanes.read(d.bias + c + j * kLanes);
    lanes.write(out + c + j * kLanes, min(splat(clamp.high), max(splat(clamp.low), total[j])));
  }
}

// One pixel: the sums of several vectors side by side, as one alone would wait for each of its additions.
inline void depthwise_pixel(const DepthwiseConv& d, const Clamp& clamp, const TapWalk& walk, float* out) {
  ptrdiff_t c = 0;
  for (; c + kBlock * kLanes <= d.out.channels; c += kBlock * kLanes) {
    depthwise_vectors<kBlock>(d, clamp, walk, c, Whole(), out);
  }
  for_each_vector(d.out.channels - c,
                  [&](ptrdiff_t rest, auto lanes) { depthwise_vectors<1>(d, clamp, walk, c + rest, lanes, out); });
}

// One pixel anywhere: only the taps inside the tensor are added.
inline void depthwise_border_pixel(const DepthwiseConv& d, const Clamp& clamp, int y, int x, float* out) {
  const Window& w = d.window;
  const ptrdiff_t channels = d.out.channels, width = d.in.width;
  const TapRange rows(y, w.kernel_h, w.dilation_h, d.in.height), columns(x, w.kernel_w, w.dilation_w, d.in.width);
  TapWalk walk;
  walk.x_row = w.dilation_h * width * channels;
  walk.x_column = w.dilation_w * channels;
  walk.filter_row = w.kernel_w * channels;
  walk.filter_column = channels;
  walk.x = d.x + (y * width + x) * channels + rows.begin * walk.x_row + columns.begin * walk.x_column;
  walk.filter = d.weights + rows.begin * walk.filter_row + columns.begin * walk.filter_column;
  walk.rows = rows.end - rows.begin;
  walk.columns = columns.end - columns.begin;
  depthwise_pixel(d, clamp, walk, out);
}

// Pixels whose window lies inside the tensor. The filter of a vector of channels is loaded once for a few of them, and
// all channels of these are done before the next few: memory is read in its order. Long runs of pixels are computed as
// they come, short ones are gathered from many segments.
template <int kernel>
class DepthwisePixels {
 public:
  DepthwisePixels(const DepthwiseConv& d, const Clamp& clamp)
      : d_(d),
        clamp_(clamp),
        row_(static_cast<ptrdiff_t>(d.in.width) * d.out.channels * d.window.dilation_h),
        column_(static_cast<ptrdiff_t>(d.out.channels) * d.window.dilation_w) {}

  // `count` neighbours of one row; the first reads at `from`.
  void add(const float* from, int count, float* to) {
    const ptrdiff_t step = static_cast<ptrdiff_t>(d_.window.stride_w) * d_.out.channels;
    const int piece = kPieceValues / d_.out.channels > kPixels ? kPieceValues / d_.out.channels : kPixels;
    while (count > 0) {
      const int n = count < piece ? count : piece;
      if (n >= kLongRun) {
        for_each_vector(d_.out.channels, [&](ptrdiff_t c, auto lanes) {
          compute<1>(
              c, lanes, n, [=](int i) { return from + i * step; }, [=](int i) { return to + i * d_.out.channels; });
        });
      } else {
        for (int i = 0; i < n; ++i) gather(from + i * step, to + static_cast<ptrdiff_t>(i) * d_.out.channels);
      }
      count -= n;
      from += n * step;
      to += static_cast<ptrdiff_t>(n) * d_.out.channels;
    }
  }

  // `count` neighbours of one row and those below them, at stride 1: what one row reads, most of it the other reads
  // too. Returns how many were computed.
  int add_pairs(const float* from, int count, float* to, float* below) const {
    const int pairs = count / kSide * kSide;
    const ptrdiff_t channels = d_.out.channels;
    for (int i = 0; i < pairs; i += kSide) {
      for_each_vector(channels, [&](ptrdiff_t c, auto lanes) {
        square(c, lanes, from + i * channels, to + i * channels, below + i * channels);
      });
    }
    return pairs;
  }

  // Pixels that lie anywhere: of each of their taps several vectors are read, which lie next to each other.
  void flush() {
    if (count_ == 0) return;
    const auto from = [this](int i) { return from_[i]; };
    const auto to = [this](int i) { return to_[i]; };
    int c = 0;
    for (; c + kBlock * kLanes <= d_.out.channels; c += kBlock * kLanes) compute<kBlock>(c, Whole(), count_, from, to);
    for_each_vector(d_.out.channels - c,
                    [&](ptrdiff_t rest, auto lanes) { compute<1>(c + rest, lanes, count_, from, to); });
    count_ = 0;
  }

 private:
  static constexpr int kSide = 4, kPixels = 16, kLongRun = 8, kPieceValues = 512;

  void gather(const float* from, float* to) {
    from_[count_] = from;
    to_[count_] = to;
    if (++count_ == kPixels) flush();
  }

  // One row of the input meets one of the filter's for the upper pixels, and the one above it for the lower ones.
  template <bool for_upper, bool for_lower, typename Lanes>
  void square_row(Lanes lanes, const float* from, const float* filter, Vec* upper, Vec* lower) const {
    const ptrdiff_t channels = d_.out.channels;
    Vec x[kSide + kernel - 1];
#pragma GCC unroll 4
    for (int i = 0; i < kSide - 1; ++i) x[i] = lanes.read(from + i * channels);
#pragma GCC unroll 5
    for (int kx = 0; kx < kernel; ++kx, filter += channels) {
      // Not before it is needed: with 16 registers there is room for kSide of them.
      x[kx + kSide - 1] = lanes.read(from + (kx + kSide - 1) * channels);
      if (for_upper) {
        const Vec w = lanes.read(filter);
#pragma GCC unroll 4
        for (int i = 0; i < kSide; ++i) upper[i] += x[i + kx] * w;
      }
      if (for_lower) {
        const Vec w = lanes.read(filter - kernel * channels);
#pragma GCC unroll 4
        for (int i = 0; i < kSide; ++i) lower[i] += x[i + kx] * w;
      }
    }
  }

  // kSide pixels of each of two rows.
  template <typename Lanes>
  void square(ptrdiff_t c, Lanes lanes, const float* from, float* to, float* below) const {
    const ptrdiff_t channels = d_.out.channels;
    Vec upper[kSide], lower[kSide];
#pragma GCC unroll 4
    for (int i = 0; i < kSide; ++i) upper[i] = lower[i] = splat(0.0f);
    from += c;
    const float* filter = d_.weights + c;
    const ptrdiff_t filter_row = kernel * channels;
    square_row<true, false>(lanes, from, filter, upper, lower);
    for (int row = 1; row < kernel; ++row) {
      from += row_, filter += filter_row;
      square_row<true, true>(lanes, from, filter, upper, lower);
    }
    square_row<false, true>(lanes, from + row_, filter + filter_row, upper, lower);
    const Vec bias = lanes.read(d_.bias + c), low = splat(clamp_.low), high = splat(clamp_.high);
#pragma GCC unroll 4
    for (int i = 0; i < kSide; ++i) {
      lanes.write(to + i * channels + c, min(high, max(low, upper[i] + bias)));
      lanes.write(below + i * channels + c, min(high, max(low, lower[i] + bias)));
    }
  }

  template <int block, typename Lanes, typename From, typename To>
  void compute(ptrdiff_t c, Lanes lanes, int count, const From& from, const To& to) const {
    constexpr int most = block == 1 ? 8 : 4;
    int i = 0;
    for (; i + most <= count; i += most) group<most, block>(c, lanes, i, from, to);
    if (count - i >= 4) group<4, block>(c, lanes, i, from, to), i += 4;
    if (count - i >= 2) group<2, block>(c, lanes, i, from, to), i += 2;
    if (count - i >= 1) group<1, block>(c, lanes, i, from, to);
  }

  // Several pixels side by side: one alone would wait for each of its additions.
  template <int n, int block, typename Lanes, typename From, typename To>
  void group(ptrdiff_t c, Lanes lanes, int first, const From& from_of, const To& to_of) const {
    const float* from[n];
    Vec total[n][block];
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) {
      from[i] = from_of(first + i) + c;
#pragma GCC unroll 4
      for (int j = 0; j < block; ++j) total[i][j] = splat(0.0f);
    }
    const float* filter = d_.weights + c;
    for (int ky = 0; ky < kernel; ++ky) {
#pragma GCC unroll 5
      for (int kx = 0; kx < kernel; ++kx, filter += d_.out.channels) {
#pragma GCC unroll 4
        for (int j = 0; j < block; ++j) {
          const Vec w = lanes.read(filter + j * kLanes);
#pragma GCC unroll 8
          for (int i = 0; i < n; ++i) total[i][j] += lanes.read(from[i] + kx * column_ + j * kLanes) * w;
        }
      }
#pragma GCC unroll 8
      for (int i = 0; i < n; ++i) from[i] += row_;
    }
    const Vec low = splat(clamp_.low), high = splat(clamp_.high);
    Vec bias[block];
#pragma GCC unroll 4
    for (int j = 0; j < block; ++j) bias[j] = lanes.read(d_.bias + c + j * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < block; ++j) {
        lanes.write(to_of(first + i) + c + j * kLanes, min(high, max(low, total[i][j] + bias[j])));
      }
    }
  }

  const DepthwiseConv& d_;
  const Clamp& clamp_;
  const ptrdiff_t row_, column_;
  int count_ = 0;
  const float* from_[kPixels];
  float* to_[kPixels];
};

template <int kernel>
inline void depthwise_square(const DepthwiseConv& d, const Clamp& clamp, const Segment* segments, int count) {
  const Window& w = d.window;
  const int reach_y = (w.kernel_h - 1) * w.dilation_h, reach_x = (w.kernel_w - 1) * w.dilation_w;
  // Output columns [left, right) have their window's columns inside.
  const int left = (w.pad_left + w.stride_w - 1) / w.stride_w, room = d.in.width - 1 - reach_x + w.pad_left;
  const int right = room < 0 ? 0 : room / w.stride_w + 1;
  DepthwisePixels<kernel> inner(d, clamp);
  const bool dense = w.stride_h == 1 && w.stride_w == 1 && w.dilation_h == 1 && w.dilation_w == 1;
  const auto inside = [&](int y) { return y >= 0 && y + reach_y < d.in.height; };
  const auto at = [&](const Segment& s, int x) { return s.out + static_cast<ptrdiff_t>(x - s.x0) * d.out.channels; };
  const auto source = [&](const Segment& s, int x) {
    const ptrdiff_t y = s.y * w.stride_h - w.pad_top;
    return d.x + (y * d.in.width + x * w.stride_w - w.pad_left) * d.in.channels;
  };
  const auto border = [&](const Segment& s, int x0, int x1) {
    for (int x = x0; x < x1; ++x) {
      depthwise_border_pixel(d, clamp, s.y * w.stride_h - w.pad_top, x * w.stride_w - w.pad_left, at(s, x));
    }
  };
  for (const Segment* s = segments; s != segments + count; ++s) {
    const int y = s->y * w.stride_h - w.pad_top;
    const int begin = inside(y) ? clamp_to(left, s->x0, s->x1) : s->x1;
    const int end = inside(y) ? clamp_to(right, begin, s->x1) : s->x1;
    border(*s, s->x0, begin);
    border(*s, end, s->x1);
    if (begin == end) continue;
    const Segment* next = s + 1;
    if (dense && next != segments + count && next->y == s->y + 1 && next->x0 == s->x0 && next->x1 == s->x1 &&
        inside(y + 1)) {
      const int paired = begin + inner.add_pairs(source(*s, begin), end - begin, at(*s, begin), at(*next, begin));
      inner.add(source(*s, paired), end - paired, at(*s, paired));
      inner.add(source(*next, paired), end - paired, at(*next, paired));
      border(*next, next->x0, begin);
      border(*next, end, next->x1);
      ++s;
      continue;
    }
    inner.add(source(*s, begin), end - begin, at(*s, begin));
  }
  inner.flush();
}

inline void depthwise_any(const DepthwiseConv& d, const Clamp& clamp, const Segment* segments, int count) {
  const Window& w = d.window;
  for (const Segment* s = segments; s != segments + count; ++s) {
    for (int x = s->x0; x < s->x1; ++x) {
      depthwise_border_pixel(d, clamp, s->y * w.stride_h - w.pad_top, x * w.stride_w - w.pad_left,
                             s->out + static_cast<ptrdiff_t>(x - s->x0) * d.out.channels);
    }
  }
}

// The taps that meet input pixels, along one axis of a transposed window, for the output pixel `at` (counted from where
// the padding begins): tap, tap + step, ... meet in, in - down, ...
struct TransposedTaps {
  int tap = 0, step, count = 0, in = 0, down;
  TransposedTaps(int at, int kernel, int dilation, int stride, int size) {
    while (tap < kernel && tap < stride && (at - tap * dilation) % stride != 0) ++tap;
    step = 1;
    while (step * dilation % stride != 0) ++step;
    down = step * dilation / stride;
    if (tap == kernel || (at - tap * dilation) % stride != 0) return;
    in = (at - tap * dilation) / stride;
    for (; tap < kernel && in >= size; tap += step) in -= down;
    while (tap + count * step < kernel && in - count * down >= 0) ++count;
  }
};

// An output pixel of a transposed convolution gathers the input pixels whose tap reaches it.
inline void depthwise_transposed_segment(const DepthwiseConv& d, const Clamp& clamp, const Segment& s) {
  const Window& w = d.window;
  const ptrdiff_t channels = d.out.channels, width = d.in.width;
  const TransposedTaps rows(s.y + w.pad_top, w.kernel_h, w.dilation_h, w.stride_h, d.in.height);
  float* out = s.out;
  for (int x = s.x0; x < s.x1; ++x, out += channels) {
    const TransposedTaps columns(x + w.pad_left, w.kernel_w, w.dilation_w, w.stride_w, d.in.width);
    TapWalk walk;
    walk.x = d.x + (rows.in * width + columns.in) * channels;
    walk.x_row = -rows.down * width * channels;
    walk.x_column = -columns.down * channels;
    walk.filter = d.weights + (static_cast<ptrdiff_t>(rows.tap) * w.kernel_w + columns.tap) * channels;
    walk.filter_row = static_cast<ptrdiff_t>(rows.step) * w.kernel_w * channels;
    walk.filter_column = columns.step * channels;
    walk.rows = rows.count;
    walk.columns = columns.count;
    depthwise_pixel(d, clamp, walk, out);
  }
}

inline void depthwise_conv(const DepthwiseConv& d, const Segment* segments, int count) {
  const Clamp clamp = as_clamp(d.finish);
  const Window& w = d.window;
  if (d.transposed) {
    for (const Segment* s = segments; s != segments + count; ++s) depthwise_transposed_segment(d, clamp, *s);
  } else if (w.kernel_h == 3 && w.kernel_w == 3) {
    depthwise_square<3>(d, clamp, segments, count);
  } else if (w.kernel_h == 5 && w.kernel_w == 5) {
    depthwise_square<5>(d, clamp, segments, count);
  } else {
    depthwise_any(d, clamp, segments, count);
  }
  if (clamp.whole) return;
  for (const Segment* s = segments; s != segments + count; ++s) finish_segment(d.finish, *s, d.out);
}

}  // namespace PS_ISA
}  // namespace patchskip
