#include "cuda/signature.h"

#include <algorithm>

namespace patchskip {
namespace cuda {
namespace {

std::vector<int64_t> shape_of(const Tensor& tensor) { return {tensor.shape, tensor.shape + tensor.rank}; }

std::vector<int64_t> grid(int64_t height, int64_t width, int patch) {
  expect(patch > 0, "patch must be 1 or more; found " + std::to_string(patch));
  return {patches(static_cast<int>(height), patch), patches(static_cast<int>(width), patch)};
}

int position_of_x(const std::string& name) { return name == "PatchGate" ? 0 : 2; }

}  // namespace

const std::vector<Operator>& operators() {
  static const std::vector<Operator> list = {
      {"PatchMask", {"size", "patch", "in_patch", "windows"}},
      {"PatchGate",
       {"mode", "patch", "cell", "threshold", "weights", "layout", "channels", "scale", "bias", "constants", "picture",
        "half"}},
      {"PatchSkip",
       {"op_type",
        "patch",
        "activation",
        "activation_params",
        "threshold",
        "cell",
        "weights",
        "shape",
        "residual",
        "kernel_shape",
        "strides",
        "dilations",
        "pads",
        "group",
        "offset_group",
        "inner_activation",
        "inner_activation_params",
        "count_include_pad",
        "mode",
        "coordinate_transformation_mode",
        "nearest_mode",
        "channels",
        "layout",
        "scale",
        "bias",
        "constants",
        "picture",
        "half"}},
  };
  return list;
}

Signature::Signature(const std::string& name, const Attributes& a) : attributes_(a) {
  const auto& all = operators();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Operator& op) { return name == op.name; });
  expect(found != all.end(), "there is no operator '" + name + "'; expected PatchMask, PatchGate or PatchSkip");
  kind_ = static_cast<Kind>(found - all.begin());
  keeps_ = kind_ == kSkip && a.ints("shape", {}).empty();
  means_ = kind_ == kGate && a.text("mode", "") == "delta";
  gated_ = kind_ == kSkip && a.number("threshold", 0) > 0;
  image_ = kind_ == kSkip && a.text("op_type", "") == "Image";
  picture_ = !a.ints("picture", {}).empty();
  const int half = a.integer("half", -1);
  takes_float_ = half != 1;
  takes_half_ = half != 0;
}

int Signature::outputs() const { return means_ || gated_ ? 2 : 1; }

std::vector<int64_t> Signature::output_shape(int output, const std::vector<Tensor>& inputs) const {
  const std::string name = operators()[kind_].name;
  expect(inputs.size() > (kind_ == kSkip ? 2u : kind_ == kGate ? 1u : 0u), name + ": an input is missing");
  if (kind_ == kSkip && output == 1) return shape_of(inputs[0]);
  if (kind_ == kSkip && !keeps_) {
    const std::vector<int> shape = attributes_.ints("shape", {});
    return {shape.begin(), shape.end()};
  }
  if (kind_ == kSkip || output == 1) return shape_of(inputs[1]);
  const int patch = attributes_.required_integer("patch");
  if (kind_ == kGate) {
    const std::vector<int> picture = attributes_.ints("picture", {});
    if (picture.size() == 4) return grid(picture[1], picture[2], patch);
    expect(inputs[0].rank == 4, name + ": X is " + shape_text(inputs[0]) + "; expected four dimensions");
    const int64_t* size = inputs[0].shape + (attributes_.text("layout", "NHWC") == "NCHW" ? 2 : 1);
    return grid(size[0], size[1], patch);
  }
  const std::vector<int> size = attributes_.ints("size", {});
  expect(size.size() == 2, name + ": attribute size: two integers are required");
  return grid(size[0], size[1], patch);
}

ps_dtype Signature::output_type(int output, const std::vector<Tensor>& inputs) const {
  if (kind_ != kSkip) return output == 1 ? PS_FLOAT32 : PS_INT32;
  if (output == 1) return PS_INT32;
  expect(inputs.size() > 2, "PatchSkip: an input is missing");
  return inputs[keeps_ ? 1 : 2].dtype == PS_FLOAT16 ? PS_FLOAT16 : PS_FLOAT32;
}

bool Signature::accepts(const std::vector<Tensor>& tensors, int n_inputs) const {
  const int position = static_cast<int>(tensors.size()) - 1;
  if (position < n_inputs) return accepts_input(tensors, n_inputs);
  return tensors[position].dtype == output_type(position - n_inputs, tensors);
}

bool Signature::is_activation(int type) const {
  return (type == PS_FLOAT32 && takes_float_) || (type == PS_FLOAT16 && takes_half_);
}

bool Signature::accepts_input(const std::vector<Tensor>& tensors, int n_inputs) const {
  const int position = static_cast<int>(tensors.size()) - 1, type = tensors[position].dtype;
  if (kind_ == kMask) return type == PS_INT32;
  if ((kind_ == kGate || image_) && position == position_of_x(operators()[kind_].name)) {
    return type == (picture_ ? PS_INT32 : PS_FLOAT32);
  }
  const bool packed = attributes_.integer("constants", 0) > 0;
  if (packed && position == n_inputs - 1) return type == PS_INT32;
  if (kind_ == kGate) {
    return position != 1 ? type == PS_INT32 : means_ ? type == PS_FLOAT32 : is_activation(type);
  }
  if (position == 0) return type == PS_INT32;
  const int first = keeps_ ? 1 : 2;                                      // the activation whose type the others have
  if (position < first) return type == PS_INT32 || is_activation(type);  // nobody reads it
  return position == first ? is_activation(type) : type == tensors[first].dtype;
}

int Signature::aliased_input(int output) const {
  // The cache of Image is also PatchGate's reference, and what two layers read cannot be one of them's to write.
  const bool own = keeps_ && !image_;
  return (own && output == 0) || (means_ && output == 1) ? 1 : -1;
}

std::vector<Tensor> with_picture(const std::string& name, const Attributes& a, const Tensor* inputs, int n_inputs) {
  std::vector<Tensor> made(inputs, inputs + n_inputs);
  const std::vector<int> picture = a.ints("picture", {});
  if (picture.empty()) return made;
  expect(picture.size() == 4 && n_inputs > position_of_x(name), name + ": attribute picture must be [1, H, W, C]");
  int64_t bytes = 1;
  for (int extent : picture) bytes *= extent;
  Tensor& x = made[position_of_x(name)];
  expect_tensor("X", x, PS_INT32, {(bytes + 3) / 4});
  x.dtype = PS_UINT8;
  x.rank = 4;
  std::copy(picture.begin(), picture.end(), x.shape);
  return made;
}

}  // namespace cuda
}  // namespace patchskip
