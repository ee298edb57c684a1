// What PatchGate compares and PatchSkip Image keeps: a picture's values as float32.
#pragma once
#include "device.h"
#include "picture_params.h"

namespace patchskip {
namespace cuda {

// Of channel c, as x has it.
PS_DEVICE float raw_value(const Picture& p, int y, int x, int c) {
  const int from = p.listed ? chosen(p.channel, c, p.listed) : c;
  const long long at = p.planar ? (static_cast<long long>(from) * p.height + y) * p.width + x
                                : (static_cast<long long>(y) * p.width + x) * p.in_channels + from;
  return p.bytes ? static_cast<float>(load(static_cast<const unsigned char*>(p.x) + at))
                 : load(static_cast<const float*>(p.x) + at);
}

// Each operation is rounded: what is kept equals what is compared with it.
PS_DEVICE float normalised(const Picture& p, float value, int c) {
  if (!p.listed) return value;
  return add_rounded(multiply_rounded(value, chosen(p.scale, c, p.listed)), chosen(p.bias, c, p.listed));
}

PS_DEVICE float picture_value(const Picture& p, int y, int x, int c) { return normalised(p, raw_value(p, y, x, c), c); }

}  // namespace cuda
}  // namespace patchskip
