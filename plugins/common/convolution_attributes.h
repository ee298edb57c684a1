// The attributes of a convolution, and what they ask of its tensors.
#pragma once
#include "common/attributes.h"

namespace patchskip {

struct ConvolutionAttributes {
  WindowAttributes shape;
  int group;
  bool transposed;

  ConvolutionAttributes(const Attributes&, bool transposed);

  bool depthwise(int in_channels, int out_channels) const { return group == in_channels && group == out_channels; }

  // These throw when the tensors are not what the attributes say. Weights tell the kernel where no attribute does.
  void expect_weights(const Tensor& x, const Tensor& w, const Tensor& b, int out_channels);
  void expect_sizes(const Tensor& x, const Plane& in, const Plane& out) const;

 private:
  void expect_groups(const Tensor& x, int in_channels, int out_channels) const;
};

}  // namespace patchskip
