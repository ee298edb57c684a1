// Activation and residual, applied to values that are still in the first-level cache.
#pragma once
#include <limits>

#include "channels.h"
#include "kernels.h"

namespace patchskip {
namespace PS_ISA {

template <Activation kind>
struct Is {
  static constexpr Activation value = kind;
};

template <Activation kind>
inline Vec activate(const Finish& f, Vec v, Vec slope) {
  switch (kind) {
    case Activation::kNone:
      return v;
    case Activation::kRelu:
      return max(Vec{}, v);
    case Activation::kClip:
      return min(splat(f.b), max(splat(f.a), v));
    case Activation::kLeakyRelu:
      return v < 0.0f ? v * f.a : v;
    case Activation::kPRelu:
      return v < 0.0f ? v * slope : v;
    case Activation::kSiLU:
      return silu(v);
    case Activation::kHardSwish:
      return v * min(splat(1.0f), max(Vec{}, v * (1.0f / 6.0f) + 0.5f));
    case Activation::kHardSigmoid:
      return min(splat(1.0f), max(Vec{}, v * f.a + f.b));
    case Activation::kSigmoid:
      return sigmoid(v);
  }
  return v;
}

template <int n>
inline ptrdiff_t silu_several(float* values, ptrdiff_t i, ptrdiff_t count) {
  for (; i + n * kLanes <= count; i += n * kLanes) {
    Vec v[n];
    for_each<n>([&](int j) { v[j] = load(values + i + j * kLanes); });
    silu(v);
    for_each<n>([&](int j) { store(values + i + j * kLanes, v[j]); });
  }
  return i;
}

inline void silu_run(float* values, ptrdiff_t count) {
  const ptrdiff_t done = silu_several<2>(values, silu_several<4>(values, 0, count), count);
  for_each_vector(count - done, [&](ptrdiff_t i, auto lanes) {
    lanes.write(values + done + i, silu(lanes.read(values + done + i)));
  });
}

// `count` values of channels [channel, channel + count) of one pixel, or of any channels when there are no slopes;
// `index` is the first one's place in the tensor.
template <Activation kind>
inline void finish_run(const Finish& f, float* values, ptrdiff_t index, ptrdiff_t count, int channel) {
  const float* slopes = kind == Activation::kPRelu ? f.slopes + channel : values;
  if (kind == Activation::kSiLU && !f.residual) {
    silu_run(values, count);
    return;
  }
  if (!f.residual) {
    for_each_vector(count, [&](ptrdiff_t i, auto lanes) {
      lanes.write(values + i, activate<kind>(f, lanes.read(values + i), lanes.read(slopes + i)));
    });
    return;
  }
  const float* residual = f.residual + index;
  for_each_vector(count, [&](ptrdiff_t i, auto lanes) {
    Vec v = lanes.read(values + i);
    const Vec r = lanes.read(residual + i);
    v = f.residual_after ? activate<kind>(f, v, lanes.read(slopes + i)) + r
                         : activate<kind>(f, v + r, lanes.read(slopes + i));
    lanes.write(values + i, v);
  });
}

// Calls body with the activation as a type, so that loops are compiled for each.
template <typename Body>
inline void with_activation(Activation activation, const Body& body) {
  switch (activation) {
    case Activation::kNone:
      return body(Is<Activation::kNone>());
    case Activation::kRelu:
      return body(Is<Activation::kRelu>());
    case Activation::kClip:
      return body(Is<Activation::kClip>());
    case Activation::kLeakyRelu:
      return body(Is<Activation::kLeakyRelu>());
    case Activation::kPRelu:
      return body(Is<Activation::kPRelu>());
    case Activation::kSiLU:
      return body(Is<Activation::kSiLU>());
    case Activation::kHardSwish:
      return body(Is<Activation::kHardSwish>());
    case Activation::kHardSigmoid:
      return body(Is<Activation::kHardSigmoid>());
    case Activation::kSigmoid:
      return body(Is<Activation::kSigmoid>());
  }
}

// Whole pixels, from flat position `index` of a tensor with `channels` channels.
inline void finish_pixels(const Finish& f, float* values, ptrdiff_t index, ptrdiff_t count, int channels) {
  if (f.activation == Activation::kNone && !f.residual) return;
  const ptrdiff_t run = f.activation == Activation::kPRelu ? channels : count;
  with_activation(f.activation, [&](auto kind) {
    for (ptrdiff_t i = 0; i < count; i += run) finish_run<kind.value>(f, values + i, index + i, run, 0);
  });
}

inline void finish_segment(const Finish& f, const Segment& s, const Plane& out) {
  const ptrdiff_t first = static_cast<ptrdiff_t>(s.y) * out.width + s.x0;
  finish_pixels(f, s.out, first * out.channels, static_cast<ptrdiff_t>(s.x1 - s.x0) * out.channels, out.channels);
}

// Activations that are a clamp, applied to accumulators before they are stored.
struct Clamp {
  float low, high;
  bool whole;  // the clamp is all there is to do
};

inline Clamp as_clamp(const Finish& f) {
  const float infinity = std::numeric_limits<float>::infinity();
  if (f.residual) return {-infinity, infinity, false};
  if (f.activation == Activation::kNone) return {-infinity, infinity, true};
  if (f.activation == Activation::kRelu) return {0.0f, infinity, true};
  if (f.activation == Activation::kClip) return {f.a, f.b, true};
  return {-infinity, infinity, false};
}

}  // namespace PS_ISA
}  // namespace patchskip
