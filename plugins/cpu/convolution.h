// Convolutions, and the one that can stand behind another computation.
#pragma once
#include "computation.h"

namespace patchskip {

class PointwiseConvolution : public Computation {
 public:
  // `pixels`: the segments' input pixels, one after the other.
  virtual void compute_packed(const float* pixels, const Finish&, const Segment*, int count, ChannelPart) const = 0;
};

std::unique_ptr<Computation> make_convolution(const Attributes&, bool transposed);
std::unique_ptr<PointwiseConvolution> make_pointwise_convolution(int group = 1);  // 1x1, stride 1

}  // namespace patchskip
