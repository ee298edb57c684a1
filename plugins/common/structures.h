// What the attributes of an operator come to, as plain structures.
#pragma once
#include <cstddef>

#include "common/activation.h"
#include "common/window.h"

namespace patchskip {

struct Plane {
  int height = 0, width = 0, channels = 0;
  ptrdiff_t pixels() const { return static_cast<ptrdiff_t>(height) * width; }
  ptrdiff_t size() const { return pixels() * channels; }
};

// What happens to a result on its way to memory.
struct Finish {
  Activation activation = Activation::kNone;
  float a = 0, b = 0;               // Clip: bounds. LeakyRelu: a. HardSigmoid: slope a, offset b
  const float* slopes = nullptr;    // PRelu: one for each channel
  const float* residual = nullptr;  // a tensor of the output's shape, or null
  bool residual_after = false;      // added after the activation instead of before it
};

constexpr int kMostImageChannels = 1024, kMostCell = 16;

// The frame, in any of its forms, as float32 NHWC.
struct Image {
  const void* x = nullptr;
  bool bytes = false, planar = false;
  Plane out;
  int in_channels = 0;
  const int* channels = nullptr;  // null: as they are
  const float *scale = nullptr, *bias = nullptr;
  Finish finish;
};

}  // namespace patchskip
