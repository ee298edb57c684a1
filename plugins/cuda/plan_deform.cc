// DeformConv: what its taps read goes to the workspace, and a pointwise convolution reads it there. Constants: those of
// the pointwise convolution.
#include "common/deformable_attributes.h"
#include "cuda/device/deform_params.h"
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {
namespace {

void launch_samples(SkipNode* node, const DeformableAttributes& deform, const Plane& in, const Source& samples) {
  DeformParams p = {};
  p.grid = node->grid;
  p.in_height = in.height;
  p.in_width = in.width;
  p.channels = in.channels;
  p.taps = deform.taps();
  p.offset_group = deform.offset_group;
  p.window = deform.conv.shape.window;
  const int channels = in.channels / deform.conv.group, moved = in.channels / deform.offset_group;
  const int step = channels % 4 || moved % 4 ? 1 : 4;
  p.by_vectors = make_divisor(samples.plane.channels / step);
  p.by_group = make_divisor(samples.plane.channels / deform.conv.group);
  p.by_channels = make_divisor(channels);
  p.by_moved = make_divisor(moved);
  p.by_columns = make_divisor(p.window.kernel_w);
  Bindings bindings = {{&p.grid.active, input(0)}, {&p.x, input(2)}, {&p.offset, input(3)}, {&p.out, samples.address}};
  if (node->own == 3) bindings.push_back({&p.mask, input(4)});
  node->builder.launch("deform" + suffix(node->dtype, step), slots(p.grid) * p.by_vectors.divisor, 256,
                       active_shared_bytes(p.grid), p, bindings);
}

}  // namespace

void plan_deform(SkipNode* node) {
  node->expect_own(node->own > 2 ? 3 : 2);
  const DeformableAttributes deform(node->attributes);
  expect(deform.conv.shape.kernel_given, "kernel_shape is required");
  const Plane in = node->plane(0);
  deform.expect_samples(node->inputs[2], node->inputs[3], node->own == 3 ? &node->inputs[4] : nullptr, in, node->out);
  Source samples;
  samples.plane = deform.samples(in, node->out);
  const ConvolutionAttributes pointwise = deform.pointwise();
  const Finish finish = node->finish(conv_words(pointwise, samples.plane.channels, node->out.channels, node->dtype));
  samples.address = node->builder.scratch(samples.plane.size() * size_of(node->dtype));
  launch_samples(node, deform, in, samples);
  launch_conv(node, pointwise, {samples}, 0, finish);
}

void pack_deform(const Attributes& a, const Tensor* inputs, int n_inputs, ps_dtype dtype, Constants* constants) {
  const int own = n_inputs - 2 - FinishAttributes(a).has_residual();
  expect_inputs(a, n_inputs, own > 4 ? 5 : 4);
  DeformableAttributes deform(a);
  const int w = own, b = own + 1;  // inputs: behind active, cache and the activations
  deform.conv.expect_weights(inputs[2], inputs[w], inputs[b], output_channels(a, inputs));
  std::vector<float> weights = deform.pointwise_weights(inputs[w]);
  const Tensor packed = {weights.data(), PS_FLOAT32, 4, {inputs[w].shape[0], deform.taps() * inputs[w].shape[1], 1, 1}};
  append_conv(deform.pointwise(), packed, inputs[b], dtype, constants);
  constants->inputs = {w, b};
}

}  // namespace cuda
}  // namespace patchskip
