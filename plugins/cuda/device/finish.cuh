// Activation and residual, on values that are still in registers.
#pragma once
#include "device.h"

namespace patchskip {
namespace cuda {

PS_DEVICE float least(float a, float b) { return b < a ? b : a; }     // NaN in a stays
PS_DEVICE float greatest(float a, float b) { return a < b ? b : a; }  // likewise

template <int n, typename Function>
PS_DEVICE void replace(Vec<n>* values, const Function& function) {
#pragma unroll
  for (int i = 0; i < n; ++i) values->v[i] = function(values->v[i]);
}

// Values of channel `channel` and those behind it.
template <int n>
PS_DEVICE void activate(const Finish& f, int channel, Vec<n>* values) {
  const float a = f.a, b = f.b;
  switch (f.activation) {
    case Activation::kNone:
      break;
    case Activation::kRelu:
      return replace(values, [](float v) { return greatest(v, 0.0f); });
    case Activation::kClip:
      return replace(values, [=](float v) { return least(greatest(v, a), b); });
    case Activation::kLeakyRelu:
      return replace(values, [=](float v) { return v < 0 ? v * a : v; });
    case Activation::kPRelu: {
      const float* slope = f.slopes + channel;
      return replace(values, [&](float v) {
        const float scaled = v * load(slope++);
        return v < 0 ? scaled : v;
      });
    }
    case Activation::kSiLU:
      return replace(values, [](float v) { return quotient(v, 1.0f + exponential(-v)); });
    case Activation::kHardSwish:
      return replace(values, [](float v) { return v * least(greatest(v * (1.0f / 6.0f) + 0.5f, 0.0f), 1.0f); });
    case Activation::kHardSigmoid:
      return replace(values, [=](float v) { return least(greatest(v * a + b, 0.0f), 1.0f); });
    case Activation::kSigmoid:
      return replace(values, [](float v) { return quotient(1.0f, 1.0f + exponential(-v)); });
  }
}

PS_DEVICE float activate(const Finish& f, float value, int channel) {
  Vec<1> one = {{value}};
  activate(f, channel, &one);
  return one.v[0];
}

template <int n>
PS_DEVICE void add(const Vec<n>& more, Vec<n>* values) {
#pragma unroll
  for (int i = 0; i < n; ++i) values->v[i] += more.v[i];
}

template <typename T>
PS_DEVICE void load_values(const T* p, Vec<1>* to) {
  to->v[0] = load(p);
}
template <typename T>
PS_DEVICE void load_values(const T* p, Vec<4>* to) {
  *to = load4(p);
}

// Values of channel `channel` and those behind it, at place `index` of the tensor.
template <typename T, int n>
PS_DEVICE Vec<n> finished(const Finish& f, Vec<n> values, int channel, long long index) {
  Vec<n> residual = {};
  if (f.place != kNoResidual) load_values(static_cast<const T*>(f.residual) + index, &residual);
  if (f.place == kBeforeActivation) add(residual, &values);
  activate(f, channel, &values);
  if (f.place == kAfterActivation) add(residual, &values);
  return values;
}

template <typename T>
PS_DEVICE float finished(const Finish& f, float value, int channel, long long index) {
  const Vec<1> one = {{value}};
  return finished<T>(f, one, channel, index).v[0];
}

}  // namespace cuda
}  // namespace patchskip
