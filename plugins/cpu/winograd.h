// 3x3 convolution of stride 1 by Winograd's F(2x2, 3x3): Lavin and Gray, "Fast Algorithms for Convolutional Neural
// Networks", CVPR 2016. Two by two outputs Y come of the four by four inputs d under them as
//
//   Y = A' [ (G g G') * (B' d B) ] A      B' = 1  0 -1  0    G = 1    0   0     A' = 1  1  1  0
//                                              0  1  1  0        1/2  1/2 1/2        0  1 -1 -1
//                                              0 -1  1  0        1/2 -1/2 1/2
//                                              0  1  0 -1        0    0   1
//
// with 16 multiplications in place of 36. The 16 *places* of (G g G') * (B' d B), summed over input channels, are 16
// matrix products of packed weights with as many rows as there are squares of outputs. Squares begin at even rows and
// columns, so that a value does not depend on the mask. An output reads no more of d than its own window, so that NaN
// spreads as in the sum; and of the places only 9, in rows and columns 0 to 2 or 1 to 3: a pixel that is active alone
// costs what it costs as a sum.
#pragma once
#include "tile.h"

namespace patchskip {
namespace PS_ISA {

constexpr int kPlaces = WinogradConv::kPlaces;
static_assert(kBlock * kLanes <= WinogradConv::kMostBlockChannels,
              "the products of a block have their place in scratch");

// [block of channels][place][input][channels of the block]; the transform is made in float64 and rounded once.
inline size_t pack_winograd(const float* weights, int outputs, int inputs, float* packed) {
  static const double g[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
  const Blocks blocks(outputs);
  size_t at = 0;
  for (int b = 0; b < blocks.count; ++b) {
    const int first = blocks.first(b) * kLanes, width = blocks.size(b) * kLanes;
    for (int place = 0; place < kPlaces; ++place) {
      for (int c = 0; c < inputs; ++c) {
        for (int m = first; m < first + width; ++m, ++at) {
          if (!packed) continue;
          const float* filter = weights + (static_cast<ptrdiff_t>(m) * inputs + c) * 9;
          double value = 0;
          for (int i = 0; m < outputs && i < 9; ++i) value += g[place / 4][i / 3] * filter[i] * g[place % 4][i % 3];
          packed[at] = static_cast<float>(value);
        }
      }
    }
  }
  return at;
}

// Squares of outputs, gathered from many patches.
class Squares {
 public:
  explicit Squares(const WinogradConv& conv)
      : conv_(conv),
        clamp_(as_clamp(conv.finish)),
        blocks_(conv.out.channels),
        fresh_(conv.scratch),
        products_(conv.scratch + static_cast<ptrdiff_t>(kPlaces) * conv.squares * conv.in.channels) {}

  // The square of outputs at (y, x), row by row; null: not wanted, or beyond the tensor's border.
  void add(int y, int x, float* const* out) {
    static constexpr unsigned kRead[4] = {0x0777, 0x0eee, 0x7770, 0xeee0};  // places that each of the outputs reads
    unsigned places = 0;
    for (int i = 0; i < 4; ++i) {
      out_[count_][i] = out[i];
      if (out[i]) places |= kRead[i];
    }
    if (places == 0) return;
    places_[count_] = places;
    index_[count_] = static_cast<ptrdiff_t>(y) * conv_.out.width + x;
    transform(y - conv_.pad_top, x - conv_.pad_left);
    if (++count_ == conv_.squares) flush();
  }

  void flush() {
    if (count_ == 0) return;
    const ptrdiff_t terms = static_cast<ptrdiff_t>(kPlaces) * conv_.in.channels * kLanes;  // of each vector's sums
    for (int b = blocks_.begin(conv_.part); b < blocks_.end(conv_.part); ++b) {
      multiply(conv_.weights + terms * blocks_.first(b), blocks_.size(b));
      const int first = blocks_.first(b) * kLanes, width = blocks_.size(b) * kLanes;
      const int channels = conv_.out.channels - first < width ? conv_.out.channels - first : width;
      for (int i = 0; i < count_; ++i) {
        collect(i, first, width, channels);
        if (!clamp_.whole) finish(i, first, channels);
      }
    }
    count_ = 0;
  }

 private:
  // B' d B of every channel, from where the window begins.
  void transform(int y, int x) {
    const int channels = conv_.in.channels;
    const auto pixel = [&](int i, int j) {
      return conv_.x + (static_cast<ptrdiff_t>(y + i) * conv_.in.width + x + j) * channels;
    };
    if (y >= 0 && x >= 0 && y + 4 <= conv_.in.height && x + 4 <= conv_.in.width) {
      const float* first = pixel(0, 0);
      const ptrdiff_t row = static_cast<ptrdiff_t>(conv_.in.width) * channels;
      transform_channels([=](int i, int j) { return first + i * row + j * channels; });
      return;
    }
    const float* pixels[4][4];
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 4; ++j) {
        const bool inside = y + i >= 0 && y + i < conv_.in.height && x + j >= 0 && x + j < conv_.in.width;
        pixels[i][j] = inside ? pixel(i, j) : conv_.zeros;
      }
    }
    transform_channels([&](int i, int j) { return pixels[i][j]; });
  }

  template <typename Pixel>
  void transform_channels(const Pixel& pixel) {
    const ptrdiff_t place = static_cast<ptrdiff_t>(conv_.squares) * conv_.in.channels;
    float* to = fresh_ + static_cast<ptrdiff_t>(count_) * conv_.in.channels;
    for_each_vector(conv_.in.channels, [&](ptrdiff_t c, auto lanes) {
      Vec rows[4][4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const Vec d0 = lanes.read(pixel(0, j) + c), d1 = lanes.read(pixel(1, j) + c);
        const Vec d2 = lanes.read(pixel(2, j) + c), d3 = lanes.read(pixel(3, j) + c);
        rows[0][j] = d0 - d2;
        rows[1][j] = d1 + d2;
        rows[2][j] = d2 - d1;
        rows[3][j] = d1 - d3;
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        float* out = to + 4 * i * place + c;
        lanes.write(out, rows[i][0] - rows[i][2]);
        lanes.write(out + place, rows[i][1] + rows[i][2]);
        lanes.write(out + 2 * place, rows[i][2] - rows[i][1]);
        lanes.write(out + 3 * place, rows[i][1] - rows[i][3]);
      }
    });
  }

  // The 16 matrix products for one block of output channels.
  void multiply(const float* weights, int size) {
    const float* rows[kMostSquares];
    float* out[kMostSquares];
    const float infinity = std::numeric_limits<float>::infinity();
    Tile tile;
    tile.stride = 0;
    tile.n_taps = 1;
    tile.width = conv_.in.channels;
    tile.bias = conv_.zeros;
    tile.offset = 0;
    tile.channels = size * kLanes;
    tile.clamp = {-infinity, infinity, true};
    for (int place = 0; place < kPlaces; ++place) {
      int count = 0;
      for (int i = 0; i < count_; ++i) {
        if (!(places_[i] >> place & 1)) continue;
        const ptrdiff_t row = static_cast<ptrdiff_t>(place) * conv_.squares + i;
        rows[count] = fresh_ + row * conv_.in.channels;
        out[count++] = products_ + row * size * kLanes;
      }
      tile.weights = weights + static_cast<ptrdiff_t>(place) * conv_.in.channels * size * kLanes;
      for_each_tile(count, size, [&](int first, int n) {
        tile.taps = rows + first;
        tile.out = out + first;
        tile_of<float>(size, n)(tile);
      });
    }
  }

  // A' of a square's products A, and the bias.
  void collect(int square, int first, int width, int channels) const {
    const ptrdiff_t place = static_cast<ptrdiff_t>(conv_.squares) * width;
    const float* products = products_ + static_cast<ptrdiff_t>(square) * width;
    const Vec low = splat(clamp_.low), high = splat(clamp_.high);
    float* const* out = out_[square];
    for_each_vector(channels, [&](ptrdiff_t c, auto lanes) {
      Vec rows[2][4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const float* p = products + j * place + c;
        const Vec m1 = load(p + 4 * place), m2 = load(p + 8 * place);
        rows[0][j] = load(p) + m1 + m2;
        rows[1][j] = m1 - m2 - load(p + 12 * place);
      }
      const Vec bias = load(conv_.bias + first + c);
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        const Vec left = bias + (rows[i][0] + rows[i][1] + rows[i][2]);
        const Vec right = bias + (rows[i][1] - rows[i][2] - rows[i][3]);
        if (out[2 * i]) lanes.write(out[2 * i] + first + c, min(high, max(low, left)));
        if (out[2 * i + 1]) lanes.write(out[2 * i + 1] + first + c, min(high, max(low, right)));
      }
    });
  }

  void finish(int square, int first, int channels) const {
    const ptrdiff_t below = conv_.out.width;
    const ptrdiff_t indices[4] = {index_[square], index_[square] + 1, index_[square] + below,
                                  index_[square] + below + 1};
    with_activation(conv_.finish.activation, [&](auto kind) {
      for (int i = 0; i < 4; ++i) {
        if (!out_[square][i]) continue;
        finish_run<kind.value>(conv_.finish, out_[square][i] + first, indices[i] * conv_.out.channels + first, channels,
                               first);
      }
    });
  }

  static constexpr int kMostSquares = WinogradConv::kMostSquares;

  const WinogradConv& conv_;
  const Clamp clamp_;
  const Blocks blocks_;
  float *const fresh_, *const products_;  // [place][square][channels]: of the inputs, of a block of outputs
  int count_ = 0;
  unsigned places_[kMostSquares];
  ptrdiff_t index_[kMostSquares];  // in the output tensor, of a square's first pixel
  float* out_[kMostSquares][4];
};

inline void winograd_conv(const WinogradConv& c, const Segment* segments, int count) {
  Squares squares(c);
  const Segment* end = segments + count;
  const auto place = [&](const Segment& s, int x) -> float* {
    if (x >= s.x1 || (s.wanted && !s.wanted[x - s.x0])) return nullptr;
    return s.out + static_cast<ptrdiff_t>(x - s.x0) * c.out.channels;
  };
  for (const Segment* s = segments; s != end;) {
    const bool pair = s + 1 != end && s[1].y == s->y + 1 && s[1].x0 == s->x0;  // else the tensor's last row
    for (int x = s->x0; x < s->x1; x += 2) {
      float* const out[4] = {place(*s, x), place(*s, x + 1), pair ? place(s[1], x) : nullptr,
                             pair ? place(s[1], x + 1) : nullptr};
      squares.add(s->y, x, out);
    }
    s += pair ? 2 : 1;
  }
  squares.flush();
}

}  // namespace PS_ISA
}  // namespace patchskip
