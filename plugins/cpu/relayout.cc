#include "relayout.h"

#include <algorithm>
#include <cstring>

#include "common/gate_attributes.h"

namespace patchskip {

Relayout::Relayout(const std::string& op_type, const Attributes& a)
    : kernels_(best_kernels()), patch_(a.required_integer("patch")), finish_(a), op_type_(op_type) {
  const std::string name = "PatchSkip " + op_type_ + ": ";
  const GateAttributes gate(name, a);
  expect(gate.threshold == 0, name + "threshold must be 0");
  gate.expect_no_weights("threshold is 0");
  expect(!finish_.has_residual(), name + "it takes no residual");
  expect(a.ints("shape", {}).empty(), name + "it always has a cache; the attribute shape is for what has none");
}

std::vector<int64_t> Relayout::output_shape(int output, const Tensor* inputs, int) const {
  const Tensor& like = inputs[output == 0 ? 1 : 0];
  return std::vector<int64_t>(like.shape, like.shape + like.rank);
}

void Relayout::run(const Tensor* inputs, int n_inputs, const Tensor* outputs, int n_outputs) {
  try {
    std::call_once(prepared_, [&] { prepare(inputs, n_inputs); });
    check(inputs, n_inputs, outputs, n_outputs);
  } catch (const Error& error) {
    throw Error("PatchSkip " + op_type_ + ": " + error.what());
  }
  const int32_t* active = data<const int32_t>(inputs[0]);
  float* out = data<float>(outputs[0]);
  ptrdiff_t size = 0;
  for (const Plane& plane : planes_) size += plane.size();
  if (out != inputs[1].data) std::memcpy(out, inputs[1].data, sizeof(float) * size);
  if (n_outputs > 1) std::copy(active, active + rows_ * columns_, data<int32_t>(outputs[1]));
  lay_out(active, inputs + 2, out);
}

void Relayout::prepare(const Tensor* inputs, int n_inputs) {
  expect(n_inputs >= 3, "it takes active, cache and at least one input");
  planes_.clear();
  for (int i = 2; i < n_inputs; ++i) planes_.push_back(plane_of(i > 2 ? "an input" : "X", inputs[i]));
  rows_ = patches(planes_[0].height, patch_);
  columns_ = patches(planes_[0].width, patch_);
  finish_.prepare(planes_[0].channels);
  shape_ = arrange();
}

void Relayout::check(const Tensor* inputs, int n_inputs, const Tensor* outputs, int n_outputs) const {
  expect(n_inputs == static_cast<int>(planes_.size()) + 2, "the number of inputs changed");
  expect_tensor("active", inputs[0], PS_INT32, {rows_, columns_});
  expect_tensor("cache", inputs[1], PS_FLOAT32, shape_);
  for (int i = 2; i < n_inputs; ++i) {
    const Plane& plane = planes_[i - 2];
    expect_tensor("an input", inputs[i], PS_FLOAT32, {1, plane.height, plane.width, plane.channels});
  }
  expect_tensor("Y", outputs[0], PS_FLOAT32, shape_);
  if (n_outputs > 1) expect_tensor("changed", outputs[1], PS_INT32, {rows_, columns_});
}

}  // namespace patchskip
