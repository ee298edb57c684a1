#include "fused.h"

#include "between.h"
#include "common/finish_attributes.h"
#include "convolution.h"

namespace patchskip {
namespace {

class Fused : public Computation {
 public:
  Fused(std::unique_ptr<Computation> inner, int inner_inputs, const Attributes& a)
      : inner_(std::move(inner)),
        outer_(make_pointwise_convolution()),
        finish_(a, "inner_"),
        inner_inputs_(inner_inputs) {}

  int own_inputs(int n_inputs) const override { return inner_inputs_ < 0 ? n_inputs : inner_inputs_ + 2; }

  double cost(const Plane& out) const override { return inner_->cost(between_) + outer_->cost(out); }

  void prepare(const Tensor* inputs, int n_inputs, const Plane& out) override {
    const int own = n_inputs - 2;
    expect(own >= 1, "it takes at least one input, W and B");
    const Tensor& weights = inputs[own];
    expect_tensor("the pointwise W", weights, PS_FLOAT32, {out.channels, -1, 1, 1});
    expect(
        inner_inputs_ < 0 || (inputs[1].rank == 4 && inputs[1].shape[0] == weights.shape[1]),
        "the pointwise W is " + shape_text(weights) + "; W of the depthwise convolution is " + shape_text(inputs[1]));
    between_ = out;
    between_.channels = static_cast<int>(weights.shape[1]);
    inner_->prepare(inputs, own, between_);
    finish_.prepare(between_.channels);
    if (inner_inputs_ < 0 && finish_.with(nullptr).activation == Activation::kNone) join(inputs, own);
    // What lies between the two is never a tensor; the convolution only needs to know its shape.
    const Tensor between = {weights.data, PS_FLOAT32, 4, {1, out.height, out.width, between_.channels}};
    const Tensor outer[] = {between, weights, inputs[own + 1]};
    outer_->prepare(outer, 3, out);
  }

  // Joining tensors costs nothing to speak of, but a depthwise convolution is not made twice.
  int parts(int threads) const override { return inner_inputs_ < 0 ? outer_->parts(threads) : 1; }

  void compute(const Tensor* inputs, int n_inputs, const Finish& finish, const Segment* segments, int count,
               ChannelPart part) const override {
    if (!runs_.empty()) {
      ChannelTap taps[kMostRuns];
      for (size_t i = 0; i < runs_.size(); ++i) {
        taps[i] = {data<const float>(inputs[runs_[i].input]) + runs_[i].from, runs_[i].stride};
      }
      outer_->compute_joined(taps, static_cast<int>(runs_.size()), finish, segments, count, part);
      return;
    }
    const Segment* inner = between(segments, count, between_.channels).data();
    inner_->compute(inputs, n_inputs - 2, finish_.with(nullptr), inner, count, ChannelPart());
    outer_->compute_packed(inner->out, finish, segments, count, part);
  }

 private:
  static constexpr int kMostRuns = 8, kLeastRunChannels = 16;  // shorter ones are joined faster by copying them

  struct Run {
    int input, from, stride;
  };

  // Tensors that are only joined need not be copied: the convolution reads them run by run, of the width that all
  // share.
  void join(const Tensor* inputs, int n_inputs) {
    int width = 0;
    for (int i = 0; i < n_inputs; ++i) {
      for (int rest = static_cast<int>(inputs[i].shape[3]); rest;) {
        const int next = width % rest;
        width = rest;
        rest = next;
      }
    }
    if (width < kLeastRunChannels || between_.channels / width > kMostRuns) return;
    for (int i = 0; i < n_inputs; ++i) {
      const int channels = static_cast<int>(inputs[i].shape[3]);
      for (int from = 0; from < channels; from += width) runs_.push_back({i, from, channels});
    }
  }

  const std::unique_ptr<Computation> inner_;
  const std::unique_ptr<PointwiseConvolution> outer_;
  FinishAttributes finish_;
  const int inner_inputs_;
  Plane between_;
  std::vector<Run> runs_;  // of joined tensors, when they are not copied
};

}  // namespace

std::unique_ptr<Computation> make_fused(std::unique_ptr<Computation> inner, int inner_inputs, const Attributes& a) {
  return std::unique_ptr<Computation>(new Fused(std::move(inner), inner_inputs, a));
}

}  // namespace patchskip
