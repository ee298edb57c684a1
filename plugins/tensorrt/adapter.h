// Between TensorRT's types and node.h: what the plugins of all its versions do alike. Errors become false, and a line
// in TensorRT's log.
#pragma once
#include <NvInferRuntime.h>

#include <cstdio>

#include "common/status.h"
#include "tensorrt/node.h"

namespace patchskip {
namespace tensorrt {

nvinfer1::ILogger* logger();  // null: not known yet

// What this library is for.
inline const char* description() {
  static const std::string text = std::string(kVersion) + ", TensorRT " + std::to_string(NV_TENSORRT_MAJOR) + "." +
                                  std::to_string(NV_TENSORRT_MINOR) + ", " + cuda::listed_cubins();
  return text.c_str();
}

inline void report(nvinfer1::ILogger::Severity severity, const std::string& text) {
  const std::string line = "patchskip: " + text;
  if (logger()) {
    logger()->log(severity, line.c_str());
  } else if (severity <= nvinfer1::ILogger::Severity::kERROR) {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

// layer: its name in the network, which begins the message.
template <typename Body>
bool succeeds(const std::string& layer, Body body) {
  if (guarded(body) == 0) return true;
  report(nvinfer1::ILogger::Severity::kERROR, layer.empty() ? last_error() : layer + ": " + last_error());
  return false;
}

constexpr ps_dtype kOtherType = static_cast<ps_dtype>(0);

inline ps_dtype type_of(nvinfer1::DataType type) {
  return type == nvinfer1::DataType::kFLOAT   ? PS_FLOAT32
         : type == nvinfer1::DataType::kHALF  ? PS_FLOAT16
         : type == nvinfer1::DataType::kINT32 ? PS_INT32
                                              : kOtherType;
}

inline nvinfer1::DataType type_of(ps_dtype type) {
  return type == PS_FLOAT16 ? nvinfer1::DataType::kHALF
         : type == PS_INT32 ? nvinfer1::DataType::kINT32
                            : nvinfer1::DataType::kFLOAT;
}

inline const nvinfer1::PluginTensorDesc& described(const nvinfer1::PluginTensorDesc& d) { return d; }
inline const nvinfer1::PluginTensorDesc& described(const nvinfer1::DynamicPluginTensorDesc& d) { return d.desc; }

// A tensor of which no data is known; `extent(i)` gives its dimensions.
template <typename Extent>
Tensor make_tensor(ps_dtype dtype, int rank, Extent extent) {
  static char present;
  Tensor tensor = {};
  expect(rank <= static_cast<int>(sizeof(tensor.shape) / sizeof(*tensor.shape)), "a tensor has too many dimensions");
  tensor.data = &present;
  tensor.dtype = dtype;
  tensor.rank = rank;
  for (int i = 0; i < rank; ++i) {
    tensor.shape[i] = extent(i);
    expect(tensor.shape[i] >= 0, "a shape is not fixed: export the model with a fixed input size");
  }
  return tensor;
}

template <typename Described>
std::vector<Tensor> tensors(const Described* from, int count) {
  std::vector<Tensor> made;
  for (int i = 0; i < count; ++i) {
    const nvinfer1::PluginTensorDesc& d = described(from[i]);
    made.push_back(make_tensor(type_of(d.type), d.dims.nbDims, [&](int axis) { return d.dims.d[axis]; }));
  }
  return made;
}

inline std::vector<Tensor> tensors(const nvinfer1::DimsExprs* from, int count) {
  std::vector<Tensor> made;
  for (int i = 0; i < count; ++i) {
    made.push_back(make_tensor(kOtherType, from[i].nbDims, [&](int axis) -> int64_t {
      return from[i].d[axis]->isConstant() ? from[i].d[axis]->getConstantValue() : -1;
    }));
  }
  return made;
}

// The attributes of a node as the ONNX parser hands them over.
inline StoredAttributes attributes(const nvinfer1::PluginFieldCollection& fields) {
  StoredAttributes made;
  for (int i = 0; i < fields.nbFields; ++i) {
    const nvinfer1::PluginField& field = fields.fields[i];
    const size_t n = static_cast<size_t>(field.length);
    switch (field.type) {
      case nvinfer1::PluginFieldType::kINT32: {
        const int32_t* values = static_cast<const int32_t*>(field.data);
        made.set(field.name, std::vector<int64_t>(values, values + n));
        break;
      }
      case nvinfer1::PluginFieldType::kFLOAT32: {
        const float* values = static_cast<const float*>(field.data);
        made.set(field.name, std::vector<float>(values, values + n));
        break;
      }
      case nvinfer1::PluginFieldType::kCHAR: {
        const std::string text(static_cast<const char*>(field.data), n);
        made.set(field.name, text.substr(0, text.find('\0')));  // some parsers count the final zero
        break;
      }
      default:
        throw Error(std::string("attribute ") + field.name + " is neither integers nor floats nor text");
    }
  }
  return made;
}

// The names of an operator's attributes, for the parser: it passes on what is listed here.
class FieldNames {
 public:
  explicit FieldNames(const cuda::Operator& op) {
    for (const char* name : op.attributes) fields_.push_back(nvinfer1::PluginField(name));
    collection_.nbFields = static_cast<int32_t>(fields_.size());
    collection_.fields = fields_.data();
  }
  FieldNames(const FieldNames&) = delete;

  const nvinfer1::PluginFieldCollection* get() const { return &collection_; }

 private:
  std::vector<nvinfer1::PluginField> fields_;
  nvinfer1::PluginFieldCollection collection_ = {};
};

inline bool output_type(const Node& node, int output, const nvinfer1::DataType* types, int n_inputs,
                        nvinfer1::DataType* type) {
  return succeeds(node.layer, [&] {
    std::vector<Tensor> inputs;
    for (int i = 0; i < n_inputs; ++i) inputs.push_back(make_tensor(type_of(types[i]), 0, [](int) { return 0; }));
    *type = type_of(node.signature.output_type(output, inputs));
  });
}

inline bool output_shape(const Node& node, int output, const nvinfer1::DimsExprs* inputs, int n_inputs,
                         nvinfer1::IExprBuilder& builder, nvinfer1::DimsExprs* shape) {
  return succeeds(node.layer, [&] {
    const std::vector<int64_t> extents = node.signature.output_shape(output, tensors(inputs, n_inputs));
    shape->nbDims = static_cast<int32_t>(extents.size());
    for (size_t i = 0; i < extents.size(); ++i) shape->d[i] = builder.constant(extents[i]);
  });
}

template <typename Described>
bool accepts(const Node& node, int position, const Described* in_out, int n_inputs) {
  if (described(in_out[position]).format != nvinfer1::TensorFormat::kLINEAR) return false;
  bool accepted = false;
  succeeds(node.layer, [&] { accepted = node.accepts(tensors(in_out, position + 1), n_inputs); });
  return accepted;
}

// Is the node as docs/op-spec.md has it?
template <typename Described>
bool check(const Node& node, const Described* inputs, int n_inputs) {
  return succeeds(node.layer, [&] { node.plan(tensors(inputs, n_inputs)); });
}

template <typename Described>
size_t workspace(const Node& node, const Described* inputs, int n_inputs) {
  size_t bytes = 0;
  succeeds(node.layer, [&] { bytes = static_cast<size_t>(node.plan(tensors(inputs, n_inputs)).workspace_bytes); });
  return bytes;
}

inline bool prepare(Node* node, const nvinfer1::PluginTensorDesc* inputs, int n_inputs) {
  return succeeds(node->layer, [&] { node->prepare(tensors(inputs, n_inputs)); });
}

inline bool launch(const Node& node, const void* const* inputs, void* const* outputs, void* workspace, void* stream) {
  return succeeds(node.layer, [&] { node.enqueue(inputs, outputs, workspace, stream); });
}

}  // namespace tensorrt
}  // namespace patchskip
