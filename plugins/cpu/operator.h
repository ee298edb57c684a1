// The operators as the bindings see them: shapes, types and attributes are checked here, so that the kernels need not.
#pragma once
#include <memory>

#include "common/attributes.h"
#include "kernels.h"

namespace patchskip {

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

}  // namespace patchskip
