// Convolutions as matrix products: Conv and ConvTranspose that are not depthwise, and the pointwise halves of fused
// operators. Constants: weights [group][phase][tap][terms][padded] in the node's type, bias.
#include <algorithm>

#include "cuda/device/conv_params.h"
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {
namespace {

constexpr int kEnoughUnits = 4;  // for a multiprocessor

int padded(int outputs) { return (outputs + 7) / 8 * 8; }

int64_t weight_words(const ConvolutionAttributes& conv, int in_channels, int out_channels, ps_dtype dtype) {
  const Window& w = conv.shape.window;
  const int64_t rows = static_cast<int64_t>(w.kernel_h) * w.kernel_w * in_channels;
  return appended_words((rows + kMostDepth) * padded(out_channels / conv.group), dtype);
}

// Positions along a side of the kernel, by the phase of the output rows that read through them.
std::vector<std::vector<int>> phases(int kernel, int dilation, int step) {
  std::vector<std::vector<int>> found(step);
  for (int k = 0; k < kernel; ++k) found[k * dilation % step].push_back(k);
  return found;
}

ConvAxis make_axis(bool transposed, int kernel, int stride, int dilation, int pad) {
  ConvAxis a = {};
  a.by_step = make_divisor(transposed ? stride : 1);
  a.shift = transposed ? pad : 0;
  a.stride = transposed ? 1 : stride;
  a.dilation = dilation;
  a.taps = kernel;
  int phase = 0, before = 0;
  for (const std::vector<int>& taps : phases(kernel, dilation, a.by_step.divisor)) {
    ConvPhase& made = a.phases[phase];
    made.taps = static_cast<int>(taps.size());
    made.before = before;
    made.origin = !transposed ? -pad : taps.empty() ? 0 : (phase - taps[0] * dilation) / stride;
    if (transposed && taps.size() > 1) a.dilation = (taps[0] - taps[1]) * dilation / stride;
    before += made.taps;
    ++phase;
  }
  return a;
}

struct Tile {
  std::string kernel;
  int channels;  // of the large tile
  int shared_bytes;
  int least_pixels, least_channels;  // of the small tile
  int cost;                          // of a multiplication
};

template <typename T>
Tile tile(const std::string& kernel, int cost) {
  return {kernel, T::Large::kChannels, T::kSharedBytes, T::Small::kPixels, T::Small::kChannels, cost};
}

// The kernels for sources whose channels are multiples of `multiple`. With tensor cores where `beside` them, the bytes
// that ranking the mask takes, a block has room for their tiles.
std::vector<Tile> kernels(int multiple, ps_dtype dtype, const Device& device, int beside) {
  if (multiple % 8 == 0 && dtype == PS_FLOAT16 && device.sm >= 70) {
    std::vector<Tile> fitting;
    for (const Tile& t : {tile<ConvTensorTiles64x64_16x64>("conv_tensor_64x64_16x64", 100),
                          tile<ConvTensorTiles128x32_32x32>("conv_tensor_128x32_32x32", 105)}) {
      if (t.shared_bytes + beside <= kSharedOfBlock) fitting.push_back(t);
    }
    if (!fitting.empty()) return fitting;
  }
  const std::string type = suffix(dtype, multiple);
  const std::vector<Tile> any = {tile<ConvTiles128x32_16x32>("conv_128x32_16x32" + type, 105),
                                 tile<ConvTiles128x16_32x16>("conv_128x16_32x16" + type, 135)};
  if (multiple % 4) return any;
  return {tile<ConvTiles64x64_8x64>("conv_64x64_8x64" + type, 100), any[0], any[1]};
}

int tiles(int64_t extent, int side) { return static_cast<int>((extent + side - 1) / side); }

// The one that computes least beyond the channels that are asked for.
Tile choose(const std::vector<Tile>& kernels, int outputs) {
  const auto cost = [&](const Tile& t) { return tiles(outputs, t.channels) * t.channels * t.cost; };
  return *std::min_element(kernels.begin(), kernels.end(),
                           [&](const Tile& a, const Tile& b) { return cost(a) < cost(b); });
}

}  // namespace

void append_conv(const ConvolutionAttributes& conv, const Tensor& w, const Tensor& b, ps_dtype dtype,
                 Constants* constants) {
  const Window& window = conv.shape.window;
  const int area = window.kernel_h * window.kernel_w;
  const int rows = static_cast<int>(w.shape[0]), columns = static_cast<int>(w.shape[1]);
  const int inputs = conv.transposed ? rows / conv.group : columns;
  const int outputs = conv.transposed ? columns : rows / conv.group;
  const float *weights = data<const float>(w), *bias = data<const float>(b);
  std::vector<int> taps;
  for (const std::vector<int>& of_y :
       phases(window.kernel_h, window.dilation_h, conv.transposed ? window.stride_h : 1)) {
    for (const std::vector<int>& of_x :
         phases(window.kernel_w, window.dilation_w, conv.transposed ? window.stride_w : 1)) {
      for (int y : of_y) {
        for (int x : of_x) taps.push_back(y * window.kernel_w + x);
      }
    }
  }
  std::vector<float> packed;
  for (int group = 0; group < conv.group; ++group) {
    for (int tap : taps) {
      for (int c = 0; c < inputs; ++c) {
        for (int m = 0; m < padded(outputs); ++m) {
          const int row = conv.transposed ? group * inputs + c : group * outputs + m, column = conv.transposed ? m : c;
          packed.push_back(m < outputs ? weights[(static_cast<size_t>(row) * columns + column) * area + tap] : 0.0f);
        }
      }
    }
  }
  packed.resize(packed.size() + kMostDepth * padded(outputs), 0.0f);  // a slice of terms may reach beyond the last
  append(packed, dtype, constants);
  append(std::vector<float>(bias, bias + outputs * conv.group), PS_FLOAT32, constants);
}

int64_t conv_words(const ConvolutionAttributes& conv, int in_channels, int out_channels, ps_dtype dtype) {
  return weight_words(conv, in_channels, out_channels, dtype) + appended_words(out_channels, PS_FLOAT32);
}

void launch_conv(SkipNode* node, const ConvolutionAttributes& conv, const std::vector<Source>& sources, int64_t weights,
                 const Finish& finish) {
  const Window& w = conv.shape.window;
  const Plane &in = sources[0].plane, &out = node->out;
  expect(!conv.transposed || std::max(w.stride_h, w.stride_w) <= kMostStride,
         "strides above " + std::to_string(kMostStride) + " are not supported; found " + std::to_string(w.stride_h) +
             ", " + std::to_string(w.stride_w));
  expect(sources.size() <= kMostSources, "more than " + std::to_string(kMostSources) + " inputs are not supported");
  ConvParams p = {};
  p.grid = node->grid;
  p.y = make_axis(conv.transposed, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top);
  p.x = make_axis(conv.transposed, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left);
  const int height = tiles(node->gate.patch, p.y.by_step.divisor), width = tiles(node->gate.patch, p.x.by_step.divisor);
  p.by_area = make_divisor(height * width);
  p.by_width = make_divisor(width);
  p.in_height = in.height;
  p.in_width = in.width;
  p.n_sources = static_cast<int>(sources.size());
  int channels = 0, multiple = 0;
  p.finish = finish;
  Bindings bindings = node->bindings(p.finish, p.grid);
  for (int i = 0; i < p.n_sources; ++i) {
    const Plane& x = sources[i].plane;
    expect(x.size() < (1ll << 31), "an input has more than 2^31 values");
    p.sources[i].pitch = x.channels;
    p.sources[i].channels = x.channels / conv.group;
    multiple |= p.sources[i].channels;  // of a power of two, as all of them are
    channels += x.channels;
    bindings.push_back({&p.sources[i].x, sources[i].address});
  }
  p.terms = channels / conv.group;
  p.outputs = out.channels / conv.group;
  p.padded = padded(p.outputs);
  p.by_groups = make_divisor(conv.group);
  p.enough = kEnoughUnits * node->builder.device.multiprocessors;
  const int beside = active_shared_bytes(p.grid);
  const Tile tile = choose(kernels(multiple, node->dtype, node->builder.device, beside), p.outputs);
  const int64_t parts = static_cast<int64_t>(tiles(p.outputs, tile.least_channels)) * conv.group * p.y.by_step.divisor *
                        p.x.by_step.divisor;
  const int64_t slots = static_cast<int64_t>(p.grid.rows) * p.grid.columns * height * width;
  const int64_t bias = weights + weight_words(conv, channels, out.channels, node->dtype);
  bindings.push_back({&p.weights, input(node->constants, weights * 4)});
  bindings.push_back({&p.bias, input(node->constants, bias * 4)});
  bindings.push_back({&p.out, node->target});
  node->builder.launch(tile.kernel, tiles(slots, tile.least_pixels) * parts, 1, tile.shared_bytes + beside, p,
                       bindings);
}

void plan_conv(SkipNode* node) {
  node->expect_own(1);
  const ConvolutionAttributes conv(node->attributes, node->op_type == "ConvTranspose");
  const Plane in = node->plane(0);
  if (conv.depthwise(in.channels, node->out.channels)) return plan_depthwise(node);
  expect(conv.shape.kernel_given, "kernel_shape is required");
  conv.expect_sizes(node->inputs[2], in, node->out);
  const Finish finish = node->finish(conv_words(conv, in.channels, node->out.channels, node->dtype));
  launch_conv(node, conv, {{input(2), in}}, 0, finish);
}

void pack_conv(const Attributes& a, const Tensor* inputs, int n_inputs, ps_dtype dtype, Constants* constants) {
  expect_inputs(a, n_inputs, 3);
  ConvolutionAttributes conv(a, a.text("op_type", "") == "ConvTranspose");
  const int out_channels = output_channels(a, inputs);
  conv.expect_weights(inputs[2], inputs[3], inputs[4], out_channels);
  if (conv.depthwise(static_cast<int>(inputs[2].shape[3]), out_channels))
    return pack_depthwise(a, inputs, n_inputs, dtype, constants);
  append_conv(conv, inputs[3], inputs[4], dtype, constants);
  constants->inputs = {3, 4};
}

}  // namespace cuda
}  // namespace patchskip
