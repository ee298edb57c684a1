// Convolutions, and the one that can stand behind another computation.
#pragma once
#include "computation.h"

namespace patchskip {

class PointwiseConvolution : public Computation {
 public:
  // `pixels`: the segments' input pixels, one after the other.
  virtual void compute_packed(const float* pixels, const Finish&, const Segment*, int count, ChannelPart) const = 0;
  // taps: of several tensors of the output's size, whose channels follow one another.
  virtual void compute_joined(const ChannelTap* taps, int n_taps, const Finish&, const Segment*, int count,
                              ChannelPart) const = 0;
};

std::unique_ptr<Computation> make_convolution(const Attributes&, bool transposed);
std::unique_ptr<PointwiseConvolution> make_pointwise_convolution(int group = 1);  // 1x1, stride 1

}  // namespace patchskip
