// What PatchSkip's operators that lay pixels out anew, Flatten and Planes, have in common: they always have a cache,
// and neither gate nor residual. The mask is on the grid of the first input.
#pragma once
#include <mutex>

#include "common/finish_attributes.h"
#include "operator.h"

namespace patchskip {

class Relayout : public Operator {
 public:
  Relayout(const std::string& op_type, const Attributes& a);
  std::vector<int64_t> output_shape(int output, const Tensor* inputs, int n_inputs) const override;
  void run(const Tensor* inputs, int n_inputs, const Tensor* outputs, int n_outputs) override;

 protected:
  // Once the inputs are known: prepares for them. -> Y's shape. Throws Error when they do not go together.
  virtual std::vector<int64_t> arrange() = 0;
  // Writes the pixels of active patches to `out`, which holds what is kept.
  virtual void lay_out(const int32_t* active, const Tensor* inputs, float* out) const = 0;

  const Kernels* const kernels_;
  const int patch_;
  FinishAttributes finish_;
  std::vector<Plane> planes_;   // of the inputs
  int rows_ = 0, columns_ = 0;  // of patches

 private:
  void prepare(const Tensor* inputs, int n_inputs);
  void check(const Tensor* inputs, int n_inputs, const Tensor* outputs, int n_outputs) const;

  const std::string op_type_;
  std::once_flag prepared_;
  std::vector<int64_t> shape_;  // of Y
};

}  // namespace patchskip
