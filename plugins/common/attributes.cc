#include "common/attributes.h"

#include <algorithm>

namespace patchskip {

std::vector<int> Attributes::ints(const char* name, std::vector<int> otherwise) const {
  std::vector<int64_t> values;
  if (!find(name, &values)) return otherwise;
  return std::vector<int>(values.begin(), values.end());
}

std::vector<float> Attributes::floats(const char* name) const {
  std::vector<float> values;
  find(name, &values);
  return values;
}

int Attributes::integer(const char* name, int otherwise) const {
  std::vector<int64_t> values;
  return find(name, &values) && values.size() == 1 ? static_cast<int>(values[0]) : otherwise;
}

int Attributes::required_integer(const char* name) const {
  std::vector<int64_t> values;
  expect(find(name, &values) && values.size() == 1, std::string("attribute ") + name + ": an integer is required");
  return static_cast<int>(values[0]);
}

float Attributes::number(const char* name, float otherwise) const {
  std::vector<float> values;
  return find(name, &values) && values.size() == 1 ? values[0] : otherwise;
}

std::string Attributes::text(const char* name, const char* otherwise) const {
  std::string value;
  return find(name, &value) ? value : otherwise;
}

std::string shape_text(const Tensor& tensor) {
  std::string text = tensor.dtype == PS_FLOAT32   ? "float32 ["
                     : tensor.dtype == PS_FLOAT16 ? "float16 ["
                     : tensor.dtype == PS_INT32   ? "int32 ["
                     : tensor.dtype == PS_UINT8   ? "uint8 ["
                                                  : "type " + std::to_string(tensor.dtype) + " [";
  for (int i = 0; i < tensor.rank; ++i) text += (i ? ", " : "") + std::to_string(tensor.shape[i]);
  return text + "]";
}

void expect(bool condition, const std::string& otherwise) {
  if (!condition) throw Error(otherwise);
}

void expect_tensor(const char* what, const Tensor& tensor, ps_dtype dtype, const int64_t* shape, size_t rank) {
  bool same = tensor.data && tensor.dtype == dtype && tensor.rank == static_cast<int32_t>(rank);
  for (size_t i = 0; same && i < rank; ++i) same = shape[i] < 0 || tensor.shape[i] == shape[i];
  if (same) return;
  Tensor wanted = {};
  wanted.dtype = dtype;
  wanted.rank = static_cast<int32_t>(rank);
  std::copy(shape, shape + rank, wanted.shape);
  const std::string found = tensor.data ? " is " + shape_text(tensor) + "; expected " : " is missing; expected ";
  throw Error(what + found + shape_text(wanted));
}

Plane plane_of(const char* what, const Tensor& t) {
  expect_tensor(what, t, PS_FLOAT32, {1, -1, -1, -1});
  Plane p;
  p.height = static_cast<int>(t.shape[1]);
  p.width = static_cast<int>(t.shape[2]);
  p.channels = static_cast<int>(t.shape[3]);
  return p;
}

WindowAttributes::WindowAttributes(const Attributes& a) {
  const std::vector<int> kernel = a.ints("kernel_shape", {1, 1}), strides = a.ints("strides", {1, 1}),
                         dilations = a.ints("dilations", {1, 1}), pads = a.ints("pads", {0, 0, 0, 0});
  kernel_given = !a.ints("kernel_shape", {}).empty();
  expect(kernel.size() == 2 && strides.size() == 2 && dilations.size() == 2 && pads.size() == 4,
         "kernel_shape, strides and dilations take two integers, pads four");
  for (int i = 0; i < 2; ++i) {
    expect(kernel[i] > 0 && strides[i] > 0 && dilations[i] > 0, "kernel_shape, strides and dilations must be positive");
  }
  for (int pad : pads) expect(pad >= 0, "pads must not be negative");
  window.kernel_h = kernel[0];
  window.kernel_w = kernel[1];
  window.stride_h = strides[0];
  window.stride_w = strides[1];
  window.dilation_h = dilations[0];
  window.dilation_w = dilations[1];
  window.pad_top = pads[0];
  window.pad_left = pads[1];
  pad_bottom = pads[2];
  pad_right = pads[3];
}

}  // namespace patchskip
