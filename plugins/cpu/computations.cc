// The op_types other than convolutions.
#include <algorithm>

#include "common/image_attributes.h"
#include "common/resize_attributes.h"
#include "computation.h"
#include "convolution.h"
#include "deformable.h"
#include "fused.h"

namespace patchskip {
namespace {

void expect_inputs(int found, int expected) {
  expect(found == expected,
         std::to_string(found) + " inputs after active and cache; expected " + std::to_string(expected));
}

class Pooling : public Computation {
 public:
  Pooling(const Attributes& a, bool average)
      : kernels_(best_kernels()), shape_(a), average_(average), count_pad_(a.integer("count_include_pad", 0) != 0) {
    expect(shape_.kernel_given, "kernel_shape is required");
  }

  double cost(const Plane& out) const override {
    return static_cast<double>(out.channels) / kernels_->lanes * shape_.window.kernel_h * shape_.window.kernel_w;
  }

  void prepare(const Tensor* inputs, int n_inputs, const Plane& out) override {
    expect_inputs(n_inputs, 1);
    in_ = plane_of("X", inputs[0]);
    out_ = out;
    expect(in_.channels == out.channels, "X is " + shape_text(inputs[0]) + "; cache has other channels");
  }

  void compute(const Tensor* inputs, int, const Finish& finish, const Segment* segments, int count,
               ChannelPart) const override {
    Pool p;
    p.x = data<const float>(inputs[0]);
    p.in = in_;
    p.out = out_;
    p.window = shape_.window;
    p.average = average_;
    p.count_include_pad = count_pad_;
    p.pad_bottom = shape_.pad_bottom;
    p.pad_right = shape_.pad_right;
    p.finish = finish;
    kernels_->pool(p, segments, count);
  }

 private:
  const Kernels* const kernels_;
  const WindowAttributes shape_;
  const bool average_, count_pad_;
  Plane in_, out_;
};

class Resizing : public Computation {
 public:
  explicit Resizing(const Attributes& a) : kernels_(best_kernels()), attributes_(a) {}

  void prepare(const Tensor* inputs, int n_inputs, const Plane& out) override {
    expect_inputs(n_inputs, 1);
    in_ = plane_of("X", inputs[0]);
    out_ = out;
    expect(in_.channels == out.channels, "X is " + shape_text(inputs[0]) + "; cache has other channels");
    sample(in_.height, out.height, &rows_, &row_share_);
    sample(in_.width, out.width, &columns_, &column_share_);
  }

  void compute(const Tensor* inputs, int, const Finish& finish, const Segment* segments, int count,
               ChannelPart) const override {
    Resize r;
    r.x = data<const float>(inputs[0]);
    r.in = in_;
    r.out = out_;
    r.linear = attributes_.linear();
    r.rows = rows_.data();
    r.columns = columns_.data();
    r.row_share = row_share_.data();
    r.column_share = column_share_.data();
    r.finish = finish;
    kernels_->resize(r, segments, count);
  }

 private:
  void sample(int n_in, int n_out, std::vector<int>* from, std::vector<float>* share) const {
    const ResizeAxis axis = attributes_.axis(n_in, n_out);
    for (int i = 0; i < n_out; ++i) {
      const int64_t at = static_cast<int64_t>(i) * axis.num + axis.offset;
      const int low = static_cast<int>((at >= 0 ? at : at - axis.den + 1) / axis.den);
      for (int step = 0; step < 2; ++step) from->push_back(std::min(std::max(low + step, 0), n_in - 1));
      share->push_back(static_cast<float>(static_cast<double>(at - static_cast<int64_t>(low) * axis.den) / axis.den));
    }
  }

  const Kernels* const kernels_;
  const ResizeAttributes attributes_;
  Plane in_, out_;
  std::vector<int> rows_, columns_;
  std::vector<float> row_share_, column_share_;
};

class SumOrProduct : public Computation {
 public:
  explicit SumOrProduct(bool multiply) : kernels_(best_kernels()), multiply_(multiply) {}

  void prepare(const Tensor* inputs, int n_inputs, const Plane& out) override {
    expect_inputs(n_inputs, 2);
    out_ = out;
    expect_tensor("A", inputs[0], PS_FLOAT32, {1, out.height, out.width, out.channels});
    expect_tensor("B", inputs[1], PS_FLOAT32, {1, out.height, out.width, out.channels});
  }

  void compute(const Tensor* inputs, int, const Finish& finish, const Segment* segments, int count,
               ChannelPart) const override {
    Elementwise e;
    e.a = data<const float>(inputs[0]);
    e.b = data<const float>(inputs[1]);
    e.out = out_;
    e.multiply = multiply_;
    e.finish = finish;
    kernels_->elementwise(e, segments, count);
  }

 private:
  const Kernels* const kernels_;
  const bool multiply_;
  Plane out_;
};

// Concat, ChannelMap and Identity: runs of channels copied from the inputs.
class ChannelCopying : public Computation {
 public:
  ChannelCopying(const Attributes& a, const std::string& op_type)
      : kernels_(best_kernels()), op_type_(op_type), channels_(a.ints("channels", {})) {}

  void prepare(const Tensor* inputs, int n_inputs, const Plane& out) override {
    expect(n_inputs >= 1, op_type_ + " has no input");
    if (op_type_ != "Concat") expect_inputs(n_inputs, 1);
    out_ = out;
    int total = 0;
    for (int i = 0; i < n_inputs; ++i) {
      expect_tensor("an input", inputs[i], PS_FLOAT32, {1, out.height, out.width, -1});
      const int channels = static_cast<int>(inputs[i].shape[3]);
      input_channels_.push_back(channels);
      if (op_type_ != "ChannelMap") runs_.push_back({i, 0, total, channels});
      total += channels;
    }
    if (op_type_ == "ChannelMap") {
      map_channels(total);
    } else {
      expect(total == out.channels, "the inputs have " + std::to_string(total) + " channels together; cache has " +
                                        std::to_string(out.channels));
    }
  }

  void compute(const Tensor* inputs, int n_inputs, const Finish& finish, const Segment* segments, int count,
               ChannelPart) const override {
    const float* sources[16];
    for (int i = 0; i < n_inputs; ++i) sources[i] = data<const float>(inputs[i]);
    ChannelCopy c;
    c.inputs = sources;
    c.input_channels = input_channels_.data();
    c.runs = runs_.data();
    c.n_runs = static_cast<int>(runs_.size());
    c.out = out_;
    c.finish = finish;
    kernels_->channel_copy(c, segments, count);
  }

 private:
  void map_channels(int total) {
    expect(static_cast<int>(channels_.size()) == out_.channels, "channels has " + std::to_string(channels_.size()) +
                                                                    " values; cache has " +
                                                                    std::to_string(out_.channels) + " channels");
    for (int to = 0; to < out_.channels; ++to) {
      const int from = channels_[to];
      expect(from >= -1 && from < total,
             "channels names channel " + std::to_string(from) + "; X has " + std::to_string(total));
      const int source = from < 0 ? -1 : 0;
      if (!runs_.empty()) {
        ChannelRun& last = runs_.back();
        if (last.source == source && (source < 0 || last.from + last.count == from)) {
          ++last.count;
          continue;
        }
      }
      runs_.push_back({source, from, to, 1});
    }
  }

  const Kernels* const kernels_;
  const std::string op_type_;
  const std::vector<int> channels_;
  Plane out_;
  std::vector<int> input_channels_;
  std::vector<ChannelRun> runs_;
};

class ImageImport : public Computation {
 public:
  explicit ImageImport(const Attributes& a) : kernels_(best_kernels()), image_(a) {}

  void prepare(const Tensor* inputs, int n_inputs, const Plane& out) override {
    expect_inputs(n_inputs, 1);
    out_ = image_.plane(inputs[0]);
    expect(out_.height == out.height && out_.width == out.width && out_.channels == out.channels,
           "X is " + shape_text(inputs[0]) + "; cache has another size");
  }

  void compute(const Tensor* inputs, int, const Finish& finish, const Segment* segments, int count,
               ChannelPart) const override {
    Image image = image_.image(inputs[0], out_);
    image.finish = finish;
    kernels_->image(image, segments, count);
  }

 private:
  const Kernels* const kernels_;
  const ImageAttributes image_;
  Plane out_;
};

}  // namespace

std::unique_ptr<Computation> make_computation(const std::string& op_type, const Attributes& a) {
  typedef std::unique_ptr<Computation> Pointer;
  if (op_type == "Conv") return make_convolution(a, false);
  if (op_type == "ConvTranspose") return make_convolution(a, true);
  if (op_type == "DeformConv") return make_deformable(a);
  if (op_type == "MaxPool") return Pointer(new Pooling(a, false));
  if (op_type == "AveragePool") return Pointer(new Pooling(a, true));
  if (op_type == "Resize") return Pointer(new Resizing(a));
  if (op_type == "Add") return Pointer(new SumOrProduct(false));
  if (op_type == "Mul") return Pointer(new SumOrProduct(true));
  if (op_type == "Concat" || op_type == "ChannelMap" || op_type == "Identity") {
    return Pointer(new ChannelCopying(a, op_type));
  }
  if (op_type == "Image") return Pointer(new ImageImport(a));
  if (op_type == "SeparableConv") return make_fused(make_computation("Conv", a), 3, a);
  if (op_type == "ConcatConv") return make_fused(make_computation("Concat", a), -1, a);
  return nullptr;
}

}  // namespace patchskip
