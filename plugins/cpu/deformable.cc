#include "deformable.h"

#include <algorithm>

#include "between.h"
#include "common/deformable_attributes.h"
#include "convolution.h"

namespace patchskip {
namespace {

constexpr int kPiecePixels = 96;  // whose samples are made at a time: as many as the matrix product takes

class Deformable : public Computation {
 public:
  explicit Deformable(const Attributes& a)
      : kernels_(best_kernels()), deform_(a), product_(make_pointwise_convolution(deform_.conv.group)) {}

  int own_inputs(int n_inputs) const override { return n_inputs > 4 ? 5 : 4; }

  double cost(const Plane& out) const override {
    return product_->cost(out) + 4.0 * samples_.channels / kernels_->lanes;
  }

  void prepare(const Tensor* inputs, int n_inputs, const Plane& out) override {
    const Tensor &w = inputs[n_inputs - 2], &b = inputs[n_inputs - 1];
    in_ = plane_of("X", inputs[0]);
    out_channels_ = out.channels;
    deform_.conv.expect_weights(inputs[0], w, b, out.channels);
    deform_.expect_samples(inputs[0], inputs[1], n_inputs > 4 ? &inputs[2] : nullptr, in_, out);
    samples_ = deform_.samples(in_, out);
    zeros_.assign(static_cast<size_t>(in_.channels), 0.0f);
    // What the taps read is never a tensor; the convolution only needs to know its shape.
    std::vector<float> weights = deform_.pointwise_weights(w);
    const Tensor outer[] = {
        {w.data, PS_FLOAT32, 4, {1, out.height, out.width, samples_.channels}},
        {weights.data(), PS_FLOAT32, 4, {out.channels, samples_.channels / deform_.conv.group, 1, 1}},
        b};
    product_->prepare(outer, 3, out);
  }

  void compute(const Tensor* inputs, int n_inputs, const Finish& finish, const Segment* segments, int count,
               ChannelPart) const override {
    DeformSamples d;
    d.x = data<const float>(inputs[0]);
    d.offset = data<const float>(inputs[1]);
    d.mask = n_inputs > 4 ? data<const float>(inputs[2]) : nullptr;
    d.in = in_;
    d.out = samples_;
    d.window = deform_.conv.shape.window;
    d.group = deform_.conv.group;
    d.offset_group = deform_.offset_group;
    d.zeros = zeros_.data();
    thread_local std::vector<Segment> piece;
    piece.clear();
    int room = kPiecePixels;
    for (const Segment* s = segments; s != segments + count; ++s) {
      for (int x0 = s->x0, x1; x0 < s->x1; x0 = x1) {
        x1 = std::min(s->x1, x0 + room);
        piece.push_back({s->y, x0, x1, s->out + static_cast<ptrdiff_t>(x0 - s->x0) * out_channels_});
        room -= x1 - x0;
        if (room > 0) continue;
        compute_piece(d, finish, piece);
        piece.clear();
        room = kPiecePixels;
      }
    }
    if (!piece.empty()) compute_piece(d, finish, piece);
  }

 private:
  void compute_piece(const DeformSamples& d, const Finish& finish, const std::vector<Segment>& piece) const {
    const int count = static_cast<int>(piece.size());
    const Segment* samples = between(piece.data(), count, samples_.channels).data();
    kernels_->deform_samples(d, samples, count);
    product_->compute_packed(samples->out, finish, piece.data(), count, ChannelPart());
  }

  const Kernels* const kernels_;
  DeformableAttributes deform_;
  const std::unique_ptr<PointwiseConvolution> product_;
  int out_channels_ = 0;
  Plane in_, samples_;
  std::vector<float> zeros_;
};

}  // namespace

std::unique_ptr<Computation> make_deformable(const Attributes& a) {
  return std::unique_ptr<Computation>(new Deformable(a));
}

}  // namespace patchskip
