// Activation and residual, on values that are still in registers.
#pragma once
#include "device.h"

namespace patchskip {
namespace cuda {

PS_DEVICE float least(float a, float b) { return b < a ? b : a; }     // NaN in a stays
PS_DEVICE float greatest(float a, float b) { return a < b ? b : a; }  // likewise

template <int n, int count, typename Function>
PS_DEVICE void replace(Vec<n> (&pixels)[count], const Function& function) {
#pragma unroll
  for (int i = 0; i < count * n; ++i) pixels[i / n].v[i % n] = function(pixels[i / n].v[i % n]);
}

// Of some pixels, the values of channel `channel` and those behind it.
template <int n, int count>
PS_DEVICE void activate(const Finish& f, int channel, Vec<n> (&pixels)[count]) {
  const float a = f.a, b = f.b;
  switch (f.activation) {
    case Activation::kNone:
      return;
    case Activation::kRelu:
      return replace(pixels, [](float v) { return greatest(v, 0.0f); });
    case Activation::kClip:
      return replace(pixels, [=](float v) { return least(greatest(v, a), b); });
    case Activation::kLeakyRelu:
      return replace(pixels, [=](float v) { return v < 0 ? v * a : v; });
    case Activation::kPRelu:
#pragma unroll
      for (int c = 0; c < n; ++c) {
        const float slope = load(f.slopes + channel + c);
#pragma unroll
        for (int i = 0; i < count; ++i) pixels[i].v[c] *= pixels[i].v[c] < 0 ? slope : 1.0f;
      }
      return;
    case Activation::kSiLU:
      return replace(pixels, [](float v) { return quotient(v, 1.0f + exponential(-v)); });
    case Activation::kHardSwish:
      return replace(pixels, [](float v) { return v * least(greatest(v * (1.0f / 6.0f) + 0.5f, 0.0f), 1.0f); });
    case Activation::kHardSigmoid:
      return replace(pixels, [=](float v) { return least(greatest(v * a + b, 0.0f), 1.0f); });
    case Activation::kSigmoid:
      return replace(pixels, [](float v) { return quotient(1.0f, 1.0f + exponential(-v)); });
  }
}

template <typename T>
PS_DEVICE void load_values(const T* p, Vec<1>* to) {
  to->v[0] = load(p);
}
template <typename T>
PS_DEVICE void load_values(const T* p, Vec<4>* to) {
  *to = load4(p);
}

template <int n, int count>
PS_DEVICE void add(const Vec<n> (&more)[count], Vec<n> (&pixels)[count]) {
#pragma unroll
  for (int i = 0; i < count * n; ++i) pixels[i / n].v[i % n] += more[i / n].v[i % n];
}

// `at`: the values' places in the tensor, -1 for a pixel that there is not. What several pixels add is waited for once.
template <typename T, int n, int count>
PS_DEVICE void finish(const Finish& f, int channel, const long long (&at)[count], Vec<n> (&pixels)[count]) {
  Vec<n> residual[count] = {};
  if (f.place != kNoResidual) {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      if (at[i] >= 0) load_values(static_cast<const T*>(f.residual) + at[i], &residual[i]);
    }
  }
  if (f.place == kBeforeActivation) add(residual, pixels);
  activate(f, channel, pixels);
  if (f.place == kAfterActivation) add(residual, pixels);
}

template <typename T, int n>
PS_DEVICE Vec<n> finished(const Finish& f, const Vec<n>& values, int channel, long long at) {
  const long long place[1] = {at};
  Vec<n> pixel[1] = {values};
  finish<T>(f, channel, place, pixel);
  return pixel[0];
}

template <typename T>
PS_DEVICE float finished(const Finish& f, float value, int channel, long long at) {
  const Vec<1> one = {{value}};
  return finished<T>(f, one, channel, at).v[0];
}

PS_DEVICE float activate(const Finish& f, float value, int channel) {
  Vec<1> pixel[1] = {{{value}}};
  activate(f, channel, pixel);
  return pixel[0].v[0];
}

}  // namespace cuda
}  // namespace patchskip
