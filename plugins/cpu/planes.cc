#include "planes.h"

#include <algorithm>
#include <cstring>

#include "blocks.h"
#include "relayout.h"
#include "threads.h"

namespace patchskip {
namespace {

constexpr int kPlanesAtOnce = 8;  // more of them would share sets of the first-level cache where their size is even

typedef float Quad __attribute__((vector_size(16)));
typedef float UnalignedQuad __attribute__((vector_size(16), aligned(4), may_alias));

// Four channels of four pixels, whose distance is `pixel`, to planes whose distance is `plane`.
inline void transpose_quads(const float* from, ptrdiff_t pixel, float* to, ptrdiff_t plane) {
  Quad pixels[4];
  for (int i = 0; i < 4; ++i) pixels[i] = *reinterpret_cast<const UnalignedQuad*>(from + i * pixel);
  for (int c = 0; c < 4; ++c) {
    const Quad values = {pixels[0][c], pixels[1][c], pixels[2][c], pixels[3][c]};
    *reinterpret_cast<UnalignedQuad*>(to + c * plane) = values;
  }
}

// `count` pixels that lie next to each other, some of their channels.
inline void transpose_run(const float* from, int count, int channels, ptrdiff_t pixel, float* to, ptrdiff_t plane) {
  const int quads = channels / 4 * 4;
  int x = 0;
  for (; x + 4 <= count; x += 4) {
    for (int c = 0; c < quads; c += 4) transpose_quads(from + x * pixel + c, pixel, to + c * plane + x, plane);
    for (int c = quads; c < channels; ++c) {
      for (int i = x; i < x + 4; ++i) to[c * plane + i] = from[i * pixel + c];
    }
  }
  for (; x < count; ++x) {
    for (int c = 0; c < channels; ++c) to[c * plane + x] = from[x * pixel + c];
  }
}

class Planes : public Relayout {
 public:
  explicit Planes(const Attributes& a)
      : Relayout("Planes", a), activates_(finish_.with(nullptr).activation != Activation::kNone) {}

 protected:
  std::vector<int64_t> arrange() override {
    expect(planes_.size() == 1, std::to_string(planes_.size()) + " inputs after active and cache; expected 1");
    const Plane& x = planes_[0];
    return {1, x.channels, x.height, x.width};
  }

  void lay_out(const int32_t* active, const Tensor* inputs, float* out) const override {
    thread_local std::vector<Block> blocks;
    thread_local std::vector<int> units;
    const int most = std::max(1, kUnitValues / planes_[0].channels);
    list_blocks(*kernels_, active, patch_, planes_[0], most, &blocks);
    list_units(blocks, most, &units);
    const Block* first = blocks.data();
    const int* starts = units.data();
    const float* x = data<const float>(inputs[0]);
    auto lay_out_unit = [&](int i) {
      for (int b = starts[i]; b < starts[i + 1]; ++b) lay_out_block(first[b], x, out);
    };
    parallel_for(static_cast<int>(units.size()) - 1, lay_out_unit);
  }

 private:
  // All rows of a few planes before the next: these are far apart.
  void lay_out_block(const Block& block, const float* x, float* out) const {
    const Plane& plane = planes_[0];
    const int channels = plane.channels, width = block.x1 - block.x0;
    const ptrdiff_t at = static_cast<ptrdiff_t>(block.y0) * plane.width + block.x0;
    ptrdiff_t row = static_cast<ptrdiff_t>(plane.width) * channels;
    const float* from = x + at * channels;
    if (activates_) {
      from = finished(from, row, block.y1 - block.y0, width, at);
      row = static_cast<ptrdiff_t>(width) * channels;
    }
    for (int c = 0; c < channels; c += kPlanesAtOnce) {
      const int count = std::min(kPlanesAtOnce, channels - c);
      for (int y = 0; y < block.y1 - block.y0; ++y) {
        float* to = out + c * plane.pixels() + at + static_cast<ptrdiff_t>(y) * plane.width;
        transpose_run(from + y * row + c, width, count, channels, to, plane.pixels());
      }
    }
  }

  // The thread's own, until it asks again: rows of `width` pixels, activated, one after the other.
  const float* finished(const float* from, ptrdiff_t row, int rows, int width, ptrdiff_t at) const {
    thread_local std::vector<float> values;
    const int channels = planes_[0].channels;
    const ptrdiff_t count = static_cast<ptrdiff_t>(width) * channels;
    values.resize(rows * count);
    for (int y = 0; y < rows; ++y) std::memcpy(values.data() + y * count, from + y * row, sizeof(float) * count);
    kernels_->finish(finish_.with(nullptr), values.data(), at * channels, rows * count, channels);
    return values.data();
  }

  const bool activates_;
};

}  // namespace

std::unique_ptr<Operator> make_planes(const Attributes& a) { return std::unique_ptr<Operator>(new Planes(a)); }

}  // namespace patchskip
