// The attributes of a deformable convolution, and what they ask of its tensors. It is a pointwise convolution of what
// the taps read, which an output pixel has as one row: [group][tap][channel of the group].
#pragma once
#include "common/convolution_attributes.h"

namespace patchskip {

struct DeformableAttributes {
  ConvolutionAttributes conv;
  int offset_group;

  explicit DeformableAttributes(const Attributes&);

  int taps() const { return conv.shape.window.kernel_h * conv.shape.window.kernel_w; }
  // The tensor of those rows, for an output of this size.
  Plane samples(const Plane& in, const Plane& out) const;
  ConvolutionAttributes pointwise() const;
  // Of W, as the pointwise convolution's [M, taps * C/group, 1, 1].
  std::vector<float> pointwise_weights(const Tensor& w) const;

  // Throws when the tensors are not what the attributes say. mask: null when there is none.
  void expect_samples(const Tensor& x, const Tensor& offset, const Tensor* mask, const Plane& in,
                      const Plane& out) const;
};

}  // namespace patchskip
