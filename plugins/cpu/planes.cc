#include "planes.h"

#include <algorithm>

#include "blocks.h"
#include "relayout.h"
#include "threads.h"

namespace patchskip {
namespace {

constexpr int kUnitValues = 65536;  // of a unit at most: they stay in the second-level cache while planes are written
constexpr int kPlanesAtOnce = 8;    // more of them would share sets of the first-level cache where their size is even

typedef float Quad __attribute__((vector_size(16)));
typedef float UnalignedQuad __attribute__((vector_size(16), aligned(4), may_alias));

inline Quad low(Quad a, Quad b) { return Quad{a[0], b[0], a[1], b[1]}; }
inline Quad high(Quad a, Quad b) { return Quad{a[2], b[2], a[3], b[3]}; }
inline Quad load(const float* p) { return *reinterpret_cast<const UnalignedQuad*>(p); }
inline void store(float* p, Quad values) { *reinterpret_cast<UnalignedQuad*>(p) = values; }

// Four channels of four pixels, whose distance is `pixel`, to planes whose distance is `plane`.
inline void transpose_quads(const float* from, ptrdiff_t pixel, float* to, ptrdiff_t plane) {
  const Quad a = load(from), b = load(from + pixel), c = load(from + 2 * pixel), d = load(from + 3 * pixel);
  const Quad first = low(a, c), second = low(b, d), third = high(a, c), fourth = high(b, d);
  store(to, low(first, second));
  store(to + plane, high(first, second));
  store(to + 2 * plane, low(third, fourth));
  store(to + 3 * plane, high(third, fourth));
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
    const int channels = planes_[0].channels, most = std::max(1, kUnitValues / channels);
    const int pixels = list_blocks(*kernels_, active, patch_, planes_[0], most, &blocks);
    // Threads share the planes, not the pixels: neighbouring pixels of a plane lie on one cache line.
    const int parts = activates_ ? 1 : std::min(threads(), patches(channels, kPlanesAtOnce));
    const int shares = parts > 1 ? 1 : threads();
    list_units(blocks, pixels, shares, pixels / (most * shares) + 1, &units);
    const Block* first = blocks.data();
    const int* starts = units.data();
    const int count = static_cast<int>(units.size()) - 1;
    const float* x = data<const float>(inputs[0]);
    const auto bound = [&](int part) { return patches(channels, kPlanesAtOnce) * part / parts * kPlanesAtOnce; };
    auto lay_out_unit = [&](int i) {
      const int unit = i % count, part = i / count;
      lay_out_blocks(first + starts[unit], first + starts[unit + 1], bound(part), std::min(bound(part + 1), channels),
                     x, out);
    };
    parallel_for(count * parts, lay_out_unit);
  }

 private:
  // Planes [begin, end). All blocks' pixels of a few of them before the next ones: a line is whole before others take
  // its place.
  void lay_out_blocks(const Block* first, const Block* last, int begin, int end, const float* x, float* out) const {
    const int channels = planes_[0].channels;
    const ptrdiff_t plane = planes_[0].pixels();
    const float* activated = activates_ ? activate(first, last, x) : nullptr;
    for (int c = begin; c < end; c += kPlanesAtOnce) {
      const int count = std::min(kPlanesAtOnce, end - c);
      const float* next = activated;
      for (const Block* b = first; b != last; ++b) {
        const int width = b->x1 - b->x0;
        for (int y = b->y0; y < b->y1; ++y) {
          const ptrdiff_t at = position(y, b->x0);
          const float* from = activated ? next : x + at * channels;
          transpose_run(from + c, width, count, channels, out + c * plane + at, plane);
          if (activated) next += width * channels;
        }
      }
    }
  }

  // -> the blocks' pixels, one after the other: the thread's own, until it asks again.
  const float* activate(const Block* first, const Block* last, const float* x) const {
    thread_local std::vector<float> values;
    values.clear();
    for (const Block* b = first; b != last; ++b) {
      for (int y = b->y0; y < b->y1; ++y) {
        const float* row = x + position(y, b->x0) * planes_[0].channels;
        values.insert(values.end(), row, row + static_cast<ptrdiff_t>(b->x1 - b->x0) * planes_[0].channels);
      }
    }
    kernels_->finish(finish_.with(nullptr), values.data(), 0, values.size(), planes_[0].channels);
    return values.data();
  }

  ptrdiff_t position(int y, int x) const { return static_cast<ptrdiff_t>(y) * planes_[0].width + x; }

  const bool activates_;
};

}  // namespace

std::unique_ptr<Operator> make_planes(const Attributes& a) { return std::unique_ptr<Operator>(new Planes(a)); }

}  // namespace patchskip
