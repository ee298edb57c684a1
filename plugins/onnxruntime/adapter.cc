// The operators as ONNX Runtime custom operators. Shapes are read once: an exported model's are fixed, and asking for
// them costs more than deciding what to compute.
#include <mutex>

#include "../cpu/operator.h"
#include "abi.h"

namespace {

using patchskip::Tensor;

// Errors travel as exceptions: in API version 10 a kernel has no status to return, and ONNX Runtime catches these.
void check(const ort::Api* api, ort::Status* status) {
  if (!status) return;
  const std::string message = ort::GetErrorMessage::call(api, status);
  ort::ReleaseStatus::call(api, status);
  throw patchskip::Error("ONNX Runtime: " + message);
}

bool succeeded(const ort::Api* api, ort::Status* status) {
  if (status) ort::ReleaseStatus::call(api, status);
  return !status;
}

class NodeAttributes : public patchskip::Attributes {
 public:
  NodeAttributes(const ort::Api* api, const ort::KernelInfo* info) : api_(api), info_(info) {}

  bool find(const char* name, std::vector<int64_t>* values) const override {
    int64_t value;
    if (succeeded(api_, ort::GetAttributeInt::call(api_, info_, name, &value))) {
      values->assign(1, value);
      return true;
    }
    return list<ort::GetAttributeInts>(name, values);
  }

  bool find(const char* name, std::vector<float>* values) const override {
    float value;
    if (succeeded(api_, ort::GetAttributeFloat::call(api_, info_, name, &value))) {
      values->assign(1, value);
      return true;
    }
    if (list<ort::GetAttributeFloats>(name, values)) return true;
    std::vector<int64_t> integers;
    if (find(name, &integers))
      throw patchskip::Error(std::string("attribute ") + name + " is integers; expected floats");
    return false;
  }

  // The first call says how long it is, by failing or not, with or without a final zero: as the release has it.
  bool find(const char* name, std::string* value) const override {
    size_t size = 0;
    succeeded(api_, ort::GetAttributeString::call(api_, info_, name, nullptr, &size));
    if (size == 0) return false;
    std::vector<char> text(size + 1, 0);
    if (!succeeded(api_, ort::GetAttributeString::call(api_, info_, name, text.data(), &size))) return false;
    *value = text.data();
    return true;
  }

 private:
  template <typename Get, typename T>
  bool list(const char* name, std::vector<T>* values) const {
    size_t size = 0;
    succeeded(api_, Get::call(api_, info_, name, nullptr, &size));
    if (size == 0) return false;
    values->resize(size);
    return succeeded(api_, Get::call(api_, info_, name, values->data(), &size));
  }

  const ort::Api* api_;
  const ort::KernelInfo* info_;
};

class Kernel {
 public:
  Kernel(const ort::Api* api, std::unique_ptr<patchskip::Operator> op,
         const std::vector<ort::ElementType>& output_types)
      : api_(api), operator_(std::move(op)), output_types_(output_types) {}

  void compute(ort::KernelContext* context) {
    std::call_once(prepared_, [&] { read_shapes(context); });
    Tensor inputs[kMostInputs], outputs[kMostOutputs];
    for (size_t i = 0; i < n_inputs_; ++i) {
      inputs[i] = inputs_[i];
      const ort::Value* value = input(context, i);
      inputs[i].data = value ? data(value) : nullptr;
    }
    for (size_t i = 0; i < n_outputs_; ++i) {
      outputs[i] = outputs_[i];
      ort::Value* value = nullptr;
      check(api_,
            ort::GetOutput::call(api_, context, i, outputs[i].shape, static_cast<size_t>(outputs[i].rank), &value));
      outputs[i].data = value ? data(value) : nullptr;
    }
    operator_->run(inputs, static_cast<int>(n_inputs_), outputs, static_cast<int>(n_outputs_));
  }

  static constexpr size_t kMostInputs = 18, kMostOutputs = 2;

 private:
  const ort::Value* input(const ort::KernelContext* context, size_t i) const {
    const ort::Value* value = nullptr;
    check(api_, ort::GetInput::call(api_, context, i, &value));
    return value;
  }

  void* data(const ort::Value* value) const {
    void* pointer = nullptr;
    check(api_, ort::GetTensorMutableData::call(api_, const_cast<ort::Value*>(value), &pointer));
    return pointer;
  }

  void read_shapes(ort::KernelContext* context) {
    size_t n_inputs = 0;
    check(api_, ort::GetInputCount::call(api_, context, &n_inputs));
    check(api_, ort::GetOutputCount::call(api_, context, &n_outputs_));
    patchskip::expect(n_inputs <= kMostInputs && n_outputs_ <= kMostOutputs, "too many inputs or outputs");
    for (size_t i = 0; i < n_inputs; ++i) {
      const ort::Value* value = input(context, i);
      if (value) inputs_[i] = shape_of(value);
      if (value) n_inputs_ = i + 1;
    }
    for (size_t i = 0; i < n_outputs_; ++i) {
      const std::vector<int64_t> shape =
          operator_->output_shape(static_cast<int>(i), inputs_, static_cast<int>(n_inputs_));
      outputs_[i].dtype = output_types_[i];
      outputs_[i].rank = static_cast<int32_t>(shape.size());
      for (size_t d = 0; d < shape.size(); ++d) outputs_[i].shape[d] = shape[d];
    }
  }

  Tensor shape_of(const ort::Value* value) const {
    Tensor tensor = {};
    ort::TensorInfo* info = nullptr;
    check(api_, ort::GetTensorTypeAndShape::call(api_, value, &info));
    ort::ElementType type;
    size_t rank = 0;
    check(api_, ort::GetTensorElementType::call(api_, info, &type));
    check(api_, ort::GetDimensionsCount::call(api_, info, &rank));
    patchskip::expect(rank <= 6, "a tensor has more than six dimensions");
    check(api_, ort::GetDimensions::call(api_, info, tensor.shape, rank));
    ort::ReleaseTensorInfo::call(api_, info);
    tensor.data = data(value);
    tensor.dtype = type;
    tensor.rank = static_cast<int32_t>(rank);
    return tensor;
  }

  const ort::Api* const api_;
  const std::unique_ptr<patchskip::Operator> operator_;
  const std::vector<ort::ElementType>& output_types_;
  std::once_flag prepared_;
  size_t n_inputs_ = 0, n_outputs_ = 0;
  Tensor inputs_[kMostInputs] = {}, outputs_[kMostOutputs] = {};
};

// ONNX Runtime wants each input's type before it sees the model; kUndefined accepts any, for one input. All but the
// first may be absent as far as it is concerned: what is needed, the operator knows and says better.
struct Signature : ort::CustomOp {
  const patchskip::OperatorEntry* entry;
  std::vector<ort::ElementType> inputs, outputs;
};

const Signature& signature(const ort::CustomOp* op) { return *static_cast<const Signature*>(op); }

Signature make_signature(const patchskip::OperatorEntry& entry, std::vector<ort::ElementType> inputs,
                         std::vector<ort::ElementType> outputs) {
  Signature s = {};
  s.version = ort::kApiVersion;
  s.entry = &entry;
  s.inputs = inputs;
  s.outputs = outputs;
  s.create_kernel = [](const ort::CustomOp* op, const ort::Api* api, const ort::KernelInfo* info) -> void* {
    return new Kernel(api, signature(op).entry->make(NodeAttributes(api, info)), signature(op).outputs);
  };
  s.get_name = [](const ort::CustomOp* op) { return signature(op).entry->name; };
  s.get_execution_provider = [](const ort::CustomOp*) -> const char* { return nullptr; };
  s.get_input_type = [](const ort::CustomOp* op, size_t i) { return signature(op).inputs[i]; };
  s.get_input_count = [](const ort::CustomOp* op) { return signature(op).inputs.size(); };
  s.get_output_type = [](const ort::CustomOp* op, size_t i) { return signature(op).outputs[i]; };
  s.get_output_count = [](const ort::CustomOp* op) { return signature(op).outputs.size(); };
  s.compute = [](void* kernel, ort::KernelContext* context) { static_cast<Kernel*>(kernel)->compute(context); };
  s.destroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
  s.get_input_characteristic = [](const ort::CustomOp*, size_t i) { return i == 0 ? ort::kRequired : ort::kOptional; };
  s.get_output_characteristic = [](const ort::CustomOp*, size_t i) { return i == 0 ? ort::kRequired : ort::kOptional; };
  return s;
}

const Signature* signatures() {
  using namespace ort;
  static const Signature list[3] = {
      make_signature(patchskip::kOperators[0], std::vector<ElementType>(16, kInt32), {kInt32}),
      make_signature(patchskip::kOperators[1], {kUndefined, kFloat, kInt32}, {kInt32, kFloat}),
      make_signature(patchskip::kOperators[2],
                     [] {
                       std::vector<ElementType> types(Kernel::kMostInputs, kFloat);
                       types[0] = kInt32;
                       types[2] = kUndefined;
                       return types;
                     }(),
                     {kFloat, kInt32}),
  };
  return list;
}

}  // namespace

extern "C" PS_API ort::Status* RegisterCustomOps(ort::SessionOptions* options, const ort::ApiBase* base) {
  const ort::Api* api = base->get_api(ort::kApiVersion);
  ort::CustomOpDomain* domain = nullptr;  // ONNX Runtime reads it until its last session is gone: it is never released
  ort::Status* status = ort::CreateCustomOpDomain::call(api, "patchskip", &domain);
  for (int i = 0; !status && i < 3; ++i) status = ort::CustomOpDomainAdd::call(api, domain, &signatures()[i]);
  return status ? status : ort::AddCustomOpDomain::call(api, options, domain);
}
