// The adapters: shapes, types and attributes are checked here, so that the kernels need not.
#pragma once
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels.h"
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

class Operator {
 public:
  virtual ~Operator() = default;
  // An absent optional input has no data; outputs beyond `n_outputs` are not asked for. Throws Error before writing.
  virtual void run(const Tensor* inputs, int n_inputs, const Tensor* outputs, int n_outputs) = 0;
  // The shape of an output, given the inputs: what a runtime needs to allocate it.
  virtual std::vector<int64_t> output_shape(int output, const Tensor* inputs, int n_inputs) const = 0;
};

std::unique_ptr<Operator> make_patch_mask(const Attributes&);
std::unique_ptr<Operator> make_patch_gate(const Attributes&);
std::unique_ptr<Operator> make_patch_skip(const Attributes&);

struct OperatorEntry {
  const char* name;
  std::unique_ptr<Operator> (*make)(const Attributes&);
};
extern const OperatorEntry kOperators[3];

// The number of patches of side `patch` that cover `pixels`.
inline int patches(int pixels, int patch) { return (pixels + patch - 1) / patch; }

std::string shape_text(const Tensor&);
void expect(bool condition, const std::string& otherwise);
// What a threshold asks of the attributes patch, cell and threshold. `name` begins the message.
void expect_threshold(const std::string& name, int patch, int cell, float threshold);
// Throws unless the tensor is there, of this type and shape (-1: any extent).
void expect_tensor(const char* what, const Tensor& tensor, ps_dtype dtype, std::vector<int64_t> shape);

template <typename T>
T* data(const Tensor& tensor) {
  return static_cast<T*>(tensor.data);
}

}  // namespace patchskip
