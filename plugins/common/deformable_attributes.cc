#include "common/deformable_attributes.h"

namespace patchskip {

DeformableAttributes::DeformableAttributes(const Attributes& a)
    : conv(a, false), offset_group(a.integer("offset_group", 1)) {
  expect(offset_group > 0, "offset_group must be positive");
}

Plane DeformableAttributes::samples(const Plane& in, const Plane& out) const {
  Plane p = out;
  p.channels = taps() * in.channels;
  return p;
}

ConvolutionAttributes DeformableAttributes::pointwise() const {
  ConvolutionAttributes plain(NoAttributes(), false);
  plain.group = conv.group;
  return plain;
}

std::vector<float> DeformableAttributes::pointwise_weights(const Tensor& w) const {
  const float* from = data<const float>(w);
  std::vector<float> made;
  for (int64_t m = 0; m < w.shape[0]; ++m) {
    for (int tap = 0; tap < taps(); ++tap) {
      for (int64_t c = 0; c < w.shape[1]; ++c) made.push_back(from[(m * w.shape[1] + c) * taps() + tap]);
    }
  }
  return made;
}

void DeformableAttributes::expect_samples(const Tensor& x, const Tensor& offset, const Tensor* mask, const Plane& in,
                                          const Plane& out) const {
  conv.expect_sizes(x, in, out);
  expect(in.channels % offset_group == 0,
         "offset_group " + std::to_string(offset_group) + " does not divide the channels of X " + shape_text(x));
  const ps_dtype dtype = static_cast<ps_dtype>(x.dtype);
  expect_tensor("offset", offset, dtype, {1, out.height, out.width, 2 * taps() * offset_group});
  if (mask) expect_tensor("mask", *mask, dtype, {1, out.height, out.width, taps() * offset_group});
}

}  // namespace patchskip
