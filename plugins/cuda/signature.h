// What a node of a prepared model looks like from outside: its outputs, and the types that it takes. TensorRT asks for
// shapes and types one at a time, before there is enough to make a plan of.
#pragma once
#include "common/attributes.h"

namespace patchskip {
namespace cuda {

struct Operator {
  const char* name;
  std::vector<const char*> attributes;  // all that docs/op-spec.md has
};

const std::vector<Operator>& operators();

class Signature {
 public:
  // Keeps a reference to the attributes. Throws Error when there is no such operator, or it cannot be told which
  // outputs there are.
  Signature(const std::string& name, const Attributes& attributes);

  int outputs() const;
  // Of the inputs' shapes alone. Throws Error.
  std::vector<int64_t> output_shape(int output, const std::vector<Tensor>& inputs) const;
  // Of the inputs' types alone. Throws Error.
  ps_dtype output_type(int output, const std::vector<Tensor>& inputs) const;
  // May the last of these be of its type, given those before it? They are the inputs and, behind them, the outputs.
  bool accepts(const std::vector<Tensor>& tensors, int n_inputs) const;
  // The input whose memory the output is to be; -1: none.
  int aliased_input(int output) const;

 private:
  enum Kind { kMask, kGate, kSkip };  // in the order of operators()

  bool accepts_input(const std::vector<Tensor>& tensors, int n_inputs) const;
  bool is_activation(int type) const;

  const Attributes& attributes_;
  Kind kind_;
  bool keeps_;    // PatchSkip: has a cache
  bool means_;    // PatchGate: compares means, and keeps them
  bool gated_;    // PatchSkip: says which patches it has committed
  bool image_;    // PatchSkip: Image
  bool picture_;  // X is a picture's bytes
  // Activations of these types: the attribute `half` is the engine's, and where it is absent, either will do.
  bool takes_float_, takes_half_;
};

// TensorRT knows no bytes between its layers: with the attribute `picture`, [1, H, W, C], X is int32 words whose memory
// is a uint8 tensor of that shape. -> the inputs with X as that tensor. Throws Error.
std::vector<Tensor> with_picture(const std::string& name, const Attributes&, const Tensor* inputs, int n_inputs);

}  // namespace cuda
}  // namespace patchskip
