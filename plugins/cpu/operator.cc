#include "operator.h"

namespace patchskip {

const OperatorEntry kOperators[3] = {
    {"PatchMask", make_patch_mask},
    {"PatchGate", make_patch_gate},
    {"PatchSkip", make_patch_skip},
};

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
  std::string text = tensor.dtype == PS_FLOAT32 ? "float32 ["
                     : tensor.dtype == PS_INT32 ? "int32 ["
                     : tensor.dtype == PS_UINT8 ? "uint8 ["
                                                : "type " + std::to_string(tensor.dtype) + " [";
  for (int i = 0; i < tensor.rank; ++i) text += (i ? ", " : "") + std::to_string(tensor.shape[i]);
  return text + "]";
}

void expect(bool condition, const std::string& otherwise) {
  if (!condition) throw Error(otherwise);
}

void expect_threshold(const std::string& name, int patch, int cell, float threshold) {
  expect(patch > 0 && cell > 0 && patch % cell == 0,
         name + "cell must divide patch; found cell " + std::to_string(cell) + ", patch " + std::to_string(patch));
  expect(threshold >= 0, name + "threshold must be 0 or more; found " + std::to_string(threshold));
}

void expect_tensor(const char* what, const Tensor& tensor, ps_dtype dtype, std::vector<int64_t> shape) {
  Tensor wanted = {};
  wanted.dtype = dtype;
  wanted.rank = static_cast<int32_t>(shape.size());
  for (size_t i = 0; i < shape.size(); ++i) wanted.shape[i] = shape[i];
  expect(tensor.data != nullptr, std::string(what) + " is missing; expected " + shape_text(wanted));
  bool same = tensor.dtype == dtype && tensor.rank == wanted.rank;
  for (size_t i = 0; same && i < shape.size(); ++i) same = shape[i] < 0 || tensor.shape[i] == shape[i];
  expect(same, std::string(what) + " is " + shape_text(tensor) + "; expected " + shape_text(wanted));
}

}  // namespace patchskip
