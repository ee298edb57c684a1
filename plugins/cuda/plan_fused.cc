// SeparableConv and ConcatConv: an operator and the pointwise convolution that reads it. Constants: the first
// operator's weights, its slopes, the convolution's weights.
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {
namespace {

ConvolutionAttributes pointwise() { return ConvolutionAttributes(NoAttributes(), false); }

FinishAttributes inner_finish(const Attributes& a, int channels) {
  FinishAttributes finish(a, "inner_");
  finish.prepare(channels);
  return finish;
}

int64_t slope_words(const FinishAttributes& finish, int channels) {
  return finish.with(nullptr).activation == Activation::kPRelu ? appended_words(channels, PS_FLOAT32) : 0;
}

void append_slopes(const FinishAttributes& finish, int channels, Constants* constants) {
  const float* slopes = finish.with(nullptr).slopes;
  if (slope_words(finish, channels)) append(std::vector<float>(slopes, slopes + channels), PS_FLOAT32, constants);
}

// w and b, inputs `at` and the next, of the convolution that reads `channels` channels.
void append_pointwise(const Attributes& a, const Tensor* inputs, int at, int channels, ps_dtype dtype,
                      Constants* constants) {
  const Tensor &w = inputs[at], &b = inputs[at + 1];
  const int out_channels = output_channels(a, inputs);
  expect_tensor("the pointwise W", w, PS_FLOAT32, {out_channels, channels, 1, 1});
  expect_tensor("B", b, PS_FLOAT32, {out_channels});
  append_conv(pointwise(), w, b, dtype, constants);
  constants->inputs.push_back(at);
  constants->inputs.push_back(at + 1);
}

}  // namespace

void plan_separable(SkipNode* node) {
  node->expect_own(1);
  const ConvolutionAttributes conv(node->attributes, false);
  expect(conv.shape.kernel_given, "kernel_shape is required");
  const Plane in = node->plane(0);
  Plane between = node->out;
  between.channels = in.channels;
  conv.expect_sizes(node->inputs[2], in, between);
  expect(conv.depthwise(in.channels, in.channels), "group must be the number of channels of X");
  const FinishAttributes inner = inner_finish(node->attributes, in.channels);
  const int64_t slopes = depthwise_words(conv, in.channels, node->dtype);
  const int64_t weights = slopes + slope_words(inner, in.channels);
  const Finish finish = node->finish(weights + conv_words(pointwise(), in.channels, node->out.channels, node->dtype));
  const Address scratch = node->builder.scratch(between.size() * size_of(node->dtype));
  launch_depthwise(node, conv, in, scratch, 0, device_finish(inner, false), slopes);
  launch_conv(node, pointwise(), {{scratch, between}}, weights, finish);
}

void pack_separable(const Attributes& a, const Tensor* inputs, int n_inputs, ps_dtype dtype, Constants* constants) {
  expect_inputs(a, n_inputs, 5);
  ConvolutionAttributes conv(a, false);
  expect_tensor("W", inputs[3], PS_FLOAT32, {-1, 1, -1, -1});
  const int channels = static_cast<int>(inputs[3].shape[0]);
  conv.expect_weights(inputs[2], inputs[3], inputs[4], channels);
  append_depthwise(conv, inputs[3], inputs[4], dtype, constants);
  append_slopes(inner_finish(a, channels), channels, constants);
  constants->inputs = {3, 4};
  append_pointwise(a, inputs, 5, channels, dtype, constants);
}

// Without an activation between them, the convolution reads the tensors as they are.
void plan_concat_conv(SkipNode* node) {
  const Plane between = joined_plane(*node);
  const FinishAttributes inner = inner_finish(node->attributes, between.channels);
  const int64_t weights = slope_words(inner, between.channels);
  const Finish finish =
      node->finish(weights + conv_words(pointwise(), between.channels, node->out.channels, node->dtype));
  std::vector<Source> sources;
  if (inner.with(nullptr).activation == Activation::kNone) {
    for (int i = 0; i < node->own; ++i) sources.push_back({input(2 + i), node->plane(i)});
  } else {
    sources.push_back({node->builder.scratch(between.size() * size_of(node->dtype)), between});
    launch_concat(node, sources[0].address, device_finish(inner, false), 0);
  }
  launch_conv(node, pointwise(), sources, weights, finish);
}

void pack_concat_conv(const Attributes& a, const Tensor* inputs, int n_inputs, ps_dtype dtype, Constants* constants) {
  const int own = n_inputs - 4 - FinishAttributes(a).has_residual();
  expect(own >= 1, "it takes at least one input, W and B");
  int channels = 0;
  for (int i = 2; i < 2 + own; ++i) {
    expect_tensor("an input", inputs[i], static_cast<ps_dtype>(inputs[i].dtype), {1, -1, -1, -1});
    channels += static_cast<int>(inputs[i].shape[3]);
  }
  const Tensor& w = inputs[2 + own];
  expect(w.rank != 4 || w.shape[1] == channels,
         "the inputs have " + std::to_string(channels) + " channels together; the pointwise W is " + shape_text(w));
  append_slopes(inner_finish(a, channels), channels, constants);
  append_pointwise(a, inputs, 2 + own, channels, dtype, constants);
}

}  // namespace cuda
}  // namespace patchskip
