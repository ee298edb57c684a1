#include "tensorrt/node.h"

namespace patchskip {
namespace tensorrt {

bool Node::accepts(const std::vector<Tensor>& tensors, int n_inputs) const {
  if (!signature.accepts(tensors, n_inputs)) return false;
  const bool all = static_cast<int>(tensors.size()) == n_inputs + signature.outputs();
  return !all || is_planned({tensors.begin(), tensors.begin() + n_inputs});
}

bool Node::is_planned(const std::vector<Tensor>& inputs) const {
  try {
    plan(inputs);
    return true;
  } catch (const Error& error) {
    const std::string why = error.what();
    const int n_inputs = static_cast<int>(inputs.size());
    std::vector<Tensor> others;  // with the activations in the other type
    for (const Tensor& input : inputs) {
      others.push_back(input);
      others.back().dtype = input.dtype == PS_FLOAT32 ? PS_FLOAT16 : PS_FLOAT32;
      if (!signature.accepts(others, n_inputs)) others.back() = input;
    }
    try {
      plan(others);
    } catch (const Error&) {
      throw Error(why);
    }
    return false;
  }
}

cuda::Plan Node::plan(const std::vector<Tensor>& inputs) const {
  const int n_inputs = static_cast<int>(inputs.size());
  return cuda::make_plan(op, attributes, inputs.data(), n_inputs, signature.outputs(), cuda::current_device());
}

}  // namespace tensorrt
}  // namespace patchskip
