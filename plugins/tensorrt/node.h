// A node of a prepared model as a plugin, but for TensorRT's types: what plugin_v2.cc and plugin_v3.cc have in common.
#pragma once
#include <memory>

#include "cuda/signature.h"
#include "tensorrt/driver.h"
#include "tensorrt/stored_attributes.h"

namespace patchskip {
namespace tensorrt {

constexpr char kVersion[] = "1";  // of the operators

class Node {
 public:
  // layer: its name in the network. Throws Error when it cannot be told which outputs there are.
  Node(const std::string& layer, const std::string& op, const StoredAttributes& attributes)
      : layer(layer), op(op), attributes(attributes), signature(op, this->attributes) {}
  // The copy has yet to be prepared: it goes to another context.
  Node(const Node& other) : Node(other.layer, other.op, other.attributes) {}

  // As Signature::accepts. Once all tensors are there, the planner has the last word: constants are packed for one type
  // of activations. Throws Error when no type will do.
  bool accepts(const std::vector<Tensor>& tensors, int n_inputs) const;

  // For the device of the calling thread's context; where there is none, for any. Throws Error when the node is not as
  // docs/op-spec.md has it.
  cuda::Plan plan(const std::vector<Tensor>& inputs) const;
  // For the calling thread's context. Throws Error.
  void prepare(const std::vector<Tensor>& inputs) { execution_.reset(new cuda::Execution(plan(inputs))); }
  bool prepared() const { return execution_ != nullptr; }
  void forget() { execution_.reset(); }
  void enqueue(const void* const* inputs, void* const* outputs, void* workspace, void* stream) const {
    if (!prepared()) throw Error("it is enqueued before its shapes are known");
    execution_->enqueue(inputs, outputs, workspace, stream);
  }

  const std::string layer, op;
  const StoredAttributes attributes;
  const cuda::Signature signature;

 private:
  bool is_planned(const std::vector<Tensor>& inputs) const;

  std::unique_ptr<cuda::Execution> execution_;
};

}  // namespace tensorrt
}  // namespace patchskip
