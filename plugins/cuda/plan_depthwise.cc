// Depthwise convolutions: Conv and ConvTranspose whose group is the number of channels, and the first half of
// SeparableConv. Constants: weights [tap][channel] in the node's type, bias.
#include "cuda/device/depthwise_params.h"
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {
namespace {

int64_t weight_words(const ConvolutionAttributes& conv, int channels, ps_dtype dtype) {
  const Window& w = conv.shape.window;
  return appended_words(static_cast<int64_t>(w.kernel_h) * w.kernel_w * channels, dtype);
}

// "_3x3" and "_5x5" are square kernels without dilation; "_tile" computes 2 x 2 pixels at once, at stride 2 with "_s2".
std::string variant(const Window& w, int channels, bool tiles) {
  const bool square = w.kernel_h == w.kernel_w && (w.kernel_h == 3 || w.kernel_h == 5);
  if (channels % 4 || !square || w.dilation_h != 1 || w.dilation_w != 1) return "";
  const std::string kernel = w.kernel_h == 3 ? "_3x3" : "_5x5";
  const bool steps = w.stride_h == w.stride_w && w.stride_h <= 2;
  return !tiles || !steps ? kernel : kernel + (w.stride_h == 2 ? "_tile_s2" : "_tile");
}

}  // namespace

void append_depthwise(const ConvolutionAttributes& conv, const Tensor& w, const Tensor& b, ps_dtype dtype,
                      Constants* constants) {
  const int channels = static_cast<int>(w.shape[0]), taps = conv.shape.window.kernel_h * conv.shape.window.kernel_w;
  const float *weights = data<const float>(w), *bias = data<const float>(b);
  std::vector<float> by_tap;
  for (int t = 0; t < taps; ++t) {
    for (int c = 0; c < channels; ++c) by_tap.push_back(weights[static_cast<size_t>(c) * taps + t]);
  }
  append(by_tap, dtype, constants);
  append(std::vector<float>(bias, bias + channels), PS_FLOAT32, constants);
}

int64_t depthwise_words(const ConvolutionAttributes& conv, int channels, ps_dtype dtype) {
  return weight_words(conv, channels, dtype) + appended_words(channels, PS_FLOAT32);
}

void launch_depthwise(SkipNode* node, const ConvolutionAttributes& conv, const Plane& in, const Address& target,
                      int64_t weights, const Finish& finish, int64_t slopes) {
  DepthwiseParams p = {};
  p.in_height = in.height;
  p.in_width = in.width;
  p.out_height = node->out.height;
  p.out_width = node->out.width;
  p.channels = in.channels;
  p.by_vectors = make_divisor(vectors(in.channels));
  p.window = conv.shape.window;
  p.transposed = conv.transposed;
  p.finish = finish;
  const std::string kernel = conv.transposed ? "" : variant(p.window, p.channels, node->gate.patch % 2 == 0);
  if (kernel.find("_tile") == std::string::npos) {
    p.grid = node->grid;
  } else {
    Plane tiles;
    tiles.height = (node->out.height + 1) / 2;
    tiles.width = (node->out.width + 1) / 2;
    p.grid = make_grid(tiles, node->gate.patch / 2);
  }
  Bindings bindings = node->bindings(p.finish, p.grid, slopes);
  bindings.push_back({&p.x, input(2)});
  bindings.push_back({&p.weights, input(node->constants, weights * 4)});
  bindings.push_back({&p.bias, input(node->constants, (weights + weight_words(conv, in.channels, node->dtype)) * 4)});
  bindings.push_back({&p.out, target});
  node->builder.launch("depthwise" + kernel + suffix(node->dtype, p.channels), slots(p.grid) * p.by_vectors.divisor,
                       128, active_shared_bytes(p.grid), p, bindings);
}

void plan_depthwise(SkipNode* node) {
  node->expect_own(1);
  const ConvolutionAttributes conv(node->attributes, node->op_type == "ConvTranspose");
  expect(conv.shape.kernel_given, "kernel_shape is required");
  const Plane in = node->plane(0);
  conv.expect_sizes(node->inputs[2], in, node->out);
  expect(conv.depthwise(in.channels, node->out.channels), "group is not the number of channels");
  const int64_t words = depthwise_words(conv, in.channels, node->dtype);
  launch_depthwise(node, conv, in, node->target, 0, node->finish(words), words);
}

void pack_depthwise(const Attributes& a, const Tensor* inputs, int n_inputs, ps_dtype dtype, Constants* constants) {
  expect_inputs(a, n_inputs, 3);
  ConvolutionAttributes conv(a, a.text("op_type", "") == "ConvTranspose");
  conv.expect_weights(inputs[2], inputs[3], inputs[4], output_channels(a, inputs));
  append_depthwise(conv, inputs[3], inputs[4], dtype, constants);
  constants->inputs = {3, 4};
}

}  // namespace cuda
}  // namespace patchskip
