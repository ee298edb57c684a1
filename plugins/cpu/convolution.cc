// Conv and ConvTranspose: which kernel, and the weights packed for it.
#include "convolution.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "common/convolution_attributes.h"
#include "common/half.h"

namespace patchskip {
namespace {

constexpr int kLeastWinogradChannels = 16;  // below, the transforms take what the products save
constexpr int kLeastWinogradPixels = 512;
constexpr int kWinogradValues = 131072;  // of transformed inputs at a time: half of the second-level cache
constexpr size_t kHeavyWeights = 65536;  // more than a fourth of the second-level cache
constexpr int kLeastSquares = 6;         // a tile of the matrix product
constexpr int kMostSquares = WinogradConv::kMostSquares, kMostBlockChannels = WinogradConv::kMostBlockChannels;

// Values on a cache line's boundary: a vector load never crosses two.
template <typename Value>
class Aligned {
 public:
  void resize(size_t n) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 64, (n ? n : 1) * sizeof(Value)) != 0) throw std::bad_alloc();
    values_.reset(static_cast<Value*>(memory));
    size_ = n;
    for (size_t i = 0; i < n; ++i) values_.get()[i] = 0;
  }
  void at_least(size_t n) {
    if (size_ < n) resize(n);
  }
  Value* get() const { return values_.get(); }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(Value* p) const { std::free(p); }
  };
  std::unique_ptr<Value, Free> values_;
  size_t size_ = 0;
};
typedef Aligned<float> Floats;

class Convolution : public PointwiseConvolution {
 public:
  // packed: only compute_packed and compute_joined will be called, so every shape goes to the matrix product.
  // patch: the side of one, in output pixels.
  Convolution(const ConvolutionAttributes& conv, bool packed, int patch)
      : kernels_(best_kernels()), conv_(conv), packed_(packed), patch_(patch) {}

  int own_inputs(int) const override { return 3; }

  int side() const override { return winograd_ ? 2 : 1; }

  double cost(const Plane& out) const override {
    const Window& w = conv_.shape.window;
    const double phases = conv_.transposed ? w.stride_h * w.stride_w : 1;
    const double vectors = (out.channels + kernels_->lanes - 1) / kernels_->lanes;
    return vectors * in_.channels / conv_.group * w.kernel_h * w.kernel_w / phases;
  }

  void prepare(const Tensor* inputs, int, const Plane& out) override {
    in_ = plane_of("X", inputs[0]);
    out_ = out;
    conv_.expect_weights(inputs[0], inputs[1], inputs[2], out.channels);
    conv_.expect_sizes(inputs[0], in_, out);
    const Window& w = conv_.shape.window;
    expect(w.kernel_h * w.kernel_w <= 3072, "a kernel of more than 3072 positions is not supported");
    depthwise_ = !packed_ && conv_.depthwise(in_.channels, out.channels);
    const float* weights = data<const float>(inputs[1]);
    winograd_ = !packed_ && suits_winograd();
    halves_ = !depthwise_ && !winograd_ && kernels_->halves && suits_halves(weights);
    if (depthwise_) {
      pack_depthwise(weights, data<const float>(inputs[2]));
    } else if (winograd_) {
      pack_winograd(weights, data<const float>(inputs[2]));
    } else {
      pack_gemm(weights, data<const float>(inputs[2]));
    }
  }

  int parts(int threads) const override {
    if (depthwise_ || conv_.group > 1 || weights_.size() + halves_packed_.size() < kHeavyWeights) return 1;
    const int blocks = kernels_->channel_blocks(out_.channels);
    int parts = std::min(threads, blocks);
    while (blocks % parts != 0 && blocks < 4 * parts) --parts;  // none with much more than another
    return parts;
  }

  void compute(const Tensor* inputs, int, const Finish& finish, const Segment* segments, int count,
               ChannelPart part) const override {
    const Window& w = conv_.shape.window;
    if (depthwise_) {
      DepthwiseConv d;
      d.x = data<const float>(inputs[0]);
      d.in = in_;
      d.out = out_;
      d.window = w;
      d.transposed = conv_.transposed;
      d.weights = weights_.get();
      d.bias = bias_.get();
      d.finish = finish;
      kernels_->depthwise_conv(d, segments, count);
      return;
    }
    if (winograd_) {
      compute_winograd(data<const float>(inputs[0]), finish, segments, count, part);
      return;
    }
    GemmConv c = gemm(finish, part);
    c.x = data<const float>(inputs[0]);
    kernels_->gemm_conv(c, segments, count);
  }

  void compute_packed(const float* pixels, const Finish& finish, const Segment* segments, int count,
                      ChannelPart part) const override {
    GemmConv c = gemm(finish, part);
    c.pixels = pixels;
    kernels_->gemm_conv(c, segments, count);
  }

  void compute_joined(const ChannelTap* taps, int n_taps, const Finish& finish, const Segment* segments, int count,
                      ChannelPart part) const override {
    GemmConv c = gemm(finish, part);
    c.joined = taps;
    c.n_joined = n_taps;
    kernels_->gemm_conv(c, segments, count);
  }

 private:
  // Where patches are whole squares of two by two outputs, or pixels: a square of which not all are active costs less,
  // but no pixel more than the plain sum. There are nearly twice as many weights: they must be read for enough pixels.
  bool suits_winograd() const {
    const Window& w = conv_.shape.window;
    return !conv_.transposed && conv_.group == 1 && w.kernel_h == 3 && w.kernel_w == 3 && w.stride_h == 1 &&
           w.stride_w == 1 && w.dilation_h == 1 && w.dilation_w == 1 &&
           (patch_ % 2 == 0 || (patch_ == 1 && out_.pixels() >= kLeastWinogradPixels)) &&
           in_.channels >= kLeastWinogradChannels && out_.channels >= kLeastWinogradChannels;
  }

  // Many weights, each of which is a float16 number: they are kept as such, and half as much memory is read.
  bool suits_halves(const float* weights) const {
    const Window& w = conv_.shape.window;
    const size_t count = static_cast<size_t>(out_.channels) * (in_.channels / conv_.group) * w.kernel_h * w.kernel_w;
    return count >= kHeavyWeights && std::all_of(weights, weights + count, [](float weight) {
             return float_of_half(half_of_float(weight)) == weight;
           });
  }

  void compute_winograd(const float* x, const Finish& finish, const Segment* segments, int count,
                        ChannelPart part) const {
    thread_local Floats scratch;
    WinogradConv c;
    c.part = part;
    c.x = x;
    c.in = in_;
    c.out = out_;
    c.pad_top = conv_.shape.window.pad_top;
    c.pad_left = conv_.shape.window.pad_left;
    c.weights = weights_.get();
    c.bias = bias_.get();
    c.zeros = zeros_.get();
    c.squares =
        std::min(std::max(kWinogradValues / (WinogradConv::kPlaces * in_.channels), kLeastSquares), kMostSquares);
    scratch.at_least(static_cast<size_t>(WinogradConv::kPlaces) * c.squares * (in_.channels + kMostBlockChannels));
    c.scratch = scratch.get();
    c.finish = finish;
    kernels_->winograd_conv(c, segments, count);
  }

  GemmConv gemm(const Finish& finish, ChannelPart part) const {
    const Window& w = conv_.shape.window;
    GemmConv c;
    c.part = part;
    c.in = in_;
    c.out = out_;
    c.stride_h = w.stride_h;
    c.stride_w = w.stride_w;
    c.pad_top = w.pad_top;
    c.pad_left = w.pad_left;
    c.transposed = conv_.transposed;
    c.halves = halves_;
    c.group = conv_.group;
    c.tap_pixels = tap_pixels_;
    c.bias = bias_.get();
    c.zeros = zeros_.get();
    c.phases = phases_.data();
    c.finish = finish;
    return c;
  }

  void pack_depthwise(const float* weights, const float* bias) {
    const int area = conv_.shape.window.kernel_h * conv_.shape.window.kernel_w;
    weights_.resize(static_cast<size_t>(area) * in_.channels);
    bias_.resize(static_cast<size_t>(in_.channels));
    for (int c = 0; c < in_.channels; ++c) {
      bias_.get()[c] = bias[c];
      for (int t = 0; t < area; ++t) weights_.get()[t * in_.channels + c] = weights[c * area + t];
    }
  }

  void pack_winograd(const float* weights, const float* bias) {
    weights_.resize(kernels_->pack_winograd(weights, out_.channels, in_.channels, nullptr));
    kernels_->pack_winograd(weights, out_.channels, in_.channels, weights_.get());
    pad_bias(bias);
    zeros_.resize(static_cast<size_t>(std::max(in_.channels, kMostBlockChannels)));
  }

  // Each group's to whole vectors.
  void pad_bias(const float* bias) {
    const int outputs = out_.channels / conv_.group, lanes = kernels_->lanes;
    const int padded = (outputs + lanes - 1) / lanes * lanes;
    bias_.resize(static_cast<size_t>(padded) * conv_.group);
    for (int m = 0; m < out_.channels; ++m) bias_.get()[m / outputs * padded + m % outputs] = bias[m];
  }

  void pack_gemm(const float* weights, const float* bias) {
    const Window& w = conv_.shape.window;
    const int inputs = in_.channels / conv_.group;
    pad_bias(bias);
    // A row of the kernel lies in one piece when nothing stands between its pixels.
    tap_pixels_ = !conv_.transposed && w.dilation_w == 1 && conv_.group == 1 ? w.kernel_w : 1;
    zeros_.resize(static_cast<size_t>(tap_pixels_) * inputs);

    const int phases = conv_.transposed ? w.stride_h * w.stride_w : 1;
    taps_.resize(phases);
    phases_.resize(phases);
    std::vector<std::vector<Tap>> positions(phases);
    for (int ky = 0; ky < w.kernel_h; ++ky) {
      for (int kx = 0; kx < w.kernel_w; ++kx) {
        if (!conv_.transposed) {
          positions[0].push_back({ky, kx});
          taps_[0].push_back({ky * w.dilation_h, kx * w.dilation_w});
          continue;
        }
        const int phase_y = ky * w.dilation_h % w.stride_h, phase_x = kx * w.dilation_w % w.stride_w;
        positions[phase_y * w.stride_w + phase_x].push_back({ky, kx});
        taps_[phase_y * w.stride_w + phase_x].push_back(
            {(phase_y - ky * w.dilation_h) / w.stride_h, (phase_x - kx * w.dilation_w) / w.stride_w});
      }
    }
    std::vector<size_t> sizes(phases);
    size_t total = 0;
    for (int p = 0; p < phases; ++p) {
      sizes[p] = pack(weights, positions[p], nullptr);
      total += sizes[p];
    }
    weights_.resize(total);
    float* packed = weights_.get();
    for (int p = 0; p < phases; ++p) {
      pack(weights, positions[p], packed);
      phases_[p].taps = taps_[p].data();
      phases_[p].n_taps = static_cast<int>(taps_[p].size());
      phases_[p].weights = packed;
      packed += sizes[p];
    }
    if (halves_) as_halves();
  }

  // The packed weights, in the same order.
  void as_halves() {
    const float* from = weights_.get();
    halves_packed_.resize(weights_.size());
    std::transform(from, from + weights_.size(), halves_packed_.get(), half_of_float);
    for (GemmPhase& phase : phases_) {
      phase.weights = halves_packed_.get() + (static_cast<const float*>(phase.weights) - from);
    }
    weights_.resize(0);
  }

  size_t pack(const float* weights, const std::vector<Tap>& positions, float* packed) const {
    return kernels_->pack_weights(weights, out_.channels / conv_.group, in_.channels / conv_.group, conv_.group,
                                  conv_.shape.window.kernel_h, conv_.shape.window.kernel_w, conv_.transposed,
                                  positions.data(), static_cast<int>(positions.size()), packed);
  }

  const Kernels* const kernels_;
  ConvolutionAttributes conv_;
  const bool packed_;
  const int patch_;
  bool depthwise_ = false, winograd_ = false, halves_ = false;
  Plane in_, out_;
  int tap_pixels_ = 1;
  Floats weights_, bias_, zeros_;
  Aligned<uint16_t> halves_packed_;  // in the place of weights_
  std::vector<std::vector<Tap>> taps_;
  std::vector<GemmPhase> phases_;
};

}  // namespace

std::unique_ptr<Computation> make_convolution(const Attributes& a, bool transposed) {
  return std::unique_ptr<Computation>(
      new Convolution(ConvolutionAttributes(a, transposed), false, a.integer("patch", 1)));
}

std::unique_ptr<PointwiseConvolution> make_pointwise_convolution(int group) {
  ConvolutionAttributes pointwise(NoAttributes(), false);
  pointwise.group = group;
  return std::unique_ptr<PointwiseConvolution>(new Convolution(pointwise, true, 1));
}

}  // namespace patchskip
