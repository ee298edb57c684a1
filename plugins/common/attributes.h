// Attributes and tensors as an operator is given them, and the checks that stand in front of every kernel.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/structures.h"
#include "patchskip.h"

namespace patchskip {

// One line: what was asked, what was found.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

typedef ps_tensor Tensor;

// Attributes by name. Reads are typed; a missing one without a default is an Error.
class Attributes {
 public:
  virtual ~Attributes() = default;
  virtual bool find(const char* name, std::vector<int64_t>* values) const = 0;
  virtual bool find(const char* name, std::vector<float>* values) const = 0;
  virtual bool find(const char* name, std::string* value) const = 0;

  std::vector<int> ints(const char* name, std::vector<int> otherwise) const;
  std::vector<float> floats(const char* name) const;
  int integer(const char* name, int otherwise) const;
  int required_integer(const char* name) const;
  float number(const char* name, float otherwise) const;
  std::string text(const char* name, const char* otherwise) const;
};

class NoAttributes : public Attributes {
 public:
  bool find(const char*, std::vector<int64_t>*) const override { return false; }
  bool find(const char*, std::vector<float>*) const override { return false; }
  bool find(const char*, std::string*) const override { return false; }
};

// The number of patches of side `patch` that cover `pixels`.
inline int patches(int pixels, int patch) { return (pixels + patch - 1) / patch; }

std::string shape_text(const Tensor&);
void expect(bool condition, const std::string& otherwise);
inline void expect(bool condition, const char* otherwise) {
  if (!condition) throw Error(otherwise);
}

// Throws unless the tensor is there, of this type and shape (-1: any extent). Asked for every tensor of every frame: no
// text is made unless it does.
void expect_tensor(const char* what, const Tensor& tensor, ps_dtype dtype, const int64_t* shape, size_t rank);
inline void expect_tensor(const char* what, const Tensor& tensor, ps_dtype dtype,
                          std::initializer_list<int64_t> shape) {
  expect_tensor(what, tensor, dtype, shape.begin(), shape.size());
}
inline void expect_tensor(const char* what, const Tensor& tensor, ps_dtype dtype, const std::vector<int64_t>& shape) {
  expect_tensor(what, tensor, dtype, shape.data(), shape.size());
}

// Of a tensor [1, H, W, C]. Throws when it is not one.
Plane plane_of(const char* what, const Tensor&);

// The attributes kernel_shape, strides, dilations and pads.
struct WindowAttributes {
  Window window;
  int pad_bottom, pad_right;
  bool kernel_given;  // else a convolution's weights tell it
  explicit WindowAttributes(const Attributes&);
};

template <typename T>
T* data(const Tensor& tensor) {
  return static_cast<T*>(tensor.data);
}

}  // namespace patchskip
