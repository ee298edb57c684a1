// Activation and residual, on values that are still in registers.
#pragma once
#include "device.h"

namespace patchskip {
namespace cuda {

PS_DEVICE float least(float a, float b) { return b < a ? b : a; }     // NaN in a stays
PS_DEVICE float greatest(float a, float b) { return a < b ? b : a; }  // likewise

PS_DEVICE float activate(const Finish& f, float v, int channel) {
  switch (f.activation) {
    case Activation::kNone:
      return v;
    case Activation::kRelu:
      return greatest(v, 0.0f);
    case Activation::kClip:
      return least(greatest(v, f.a), f.b);
    case Activation::kLeakyRelu:
      return v < 0 ? v * f.a : v;
    case Activation::kPRelu:
      return v < 0 ? v * load(f.slopes + channel) : v;
    case Activation::kSiLU:
      return v / (1.0f + exponential(-v));
    case Activation::kHardSwish:
      return v * least(greatest(v * (1.0f / 6.0f) + 0.5f, 0.0f), 1.0f);
    case Activation::kHardSigmoid:
      return least(greatest(v * f.a + f.b, 0.0f), 1.0f);
    case Activation::kSigmoid:
      return 1.0f / (1.0f + exponential(-v));
  }
  return v;
}

// The value of channel `channel` at place `index` of the tensor.
template <typename T>
PS_DEVICE float finished(const Finish& f, float v, int channel, long long index) {
  if (f.place == kNoResidual) return activate(f, v, channel);
  const float residual = load(static_cast<const T*>(f.residual) + index);
  return f.place == kBeforeActivation ? activate(f, v + residual, channel) : activate(f, v, channel) + residual;
}

// Four channels from `channel` on.
template <typename T>
PS_DEVICE Vec4 finished4(const Finish& f, Vec4 v, int channel, long long index) {
  Vec4 residual = {{0, 0, 0, 0}};
  if (f.place != kNoResidual) residual = load4(static_cast<const T*>(f.residual) + index);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (f.place == kBeforeActivation) v.v[i] += residual.v[i];
    v.v[i] = activate(f, v.v[i], channel + i);
    if (f.place == kAfterActivation) v.v[i] += residual.v[i];
  }
  return v;
}

}  // namespace cuda
}  // namespace patchskip
