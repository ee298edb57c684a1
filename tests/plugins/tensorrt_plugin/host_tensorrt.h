// Of host_v2.cc and host_v3.cc: what the tests give, in TensorRT's types.
#pragma once
#include <NvInferRuntime.h>

#include <cstring>
#include <deque>
#include <string>
#include <type_traits>
#include <vector>

#include "host.h"

namespace host {

typedef std::remove_reference<decltype(nvinfer1::Dims().d[0])>::type Extent;

inline std::string& logged() {
  static std::string text;
  return text;
}

struct Logger : nvinfer1::ILogger {
  void log(Severity, const char* text) noexcept override { logged() += std::string(text) + "\n"; }
};

struct Constant : nvinfer1::IDimensionExpr, nvinfer1::apiv::VDimensionExpr {
  explicit Constant(Extent value) : value(value) { mImpl = this; }
  bool isConstant() const override { return value >= 0; }
  Extent getConstantValue() const override { return value; }
  bool isSizeTensor() const { return false; }  // which TensorRT 8.2 does not ask
  const Extent value;
};

struct Builder : nvinfer1::IExprBuilder, nvinfer1::apiv::VExprBuilder {
  typedef nvinfer1::IDimensionExpr Expression;
  Builder() { mImpl = this; }
  const Expression* constant(Extent value) override {
    made.emplace_back(value);
    return &made.back();
  }
  const Expression* operation(nvinfer1::DimensionOperation, const Expression&, const Expression&) override {
    return nullptr;
  }
  const Expression* declareSizeTensor(int32_t, const Expression&, const Expression&) { return nullptr; }
  std::deque<Constant> made;
};

// The fields of a plugin as the parser makes them: those that it asks for, integers of 32 bits, text without an end.
class Fields {
 public:
  Fields(const nvinfer1::PluginFieldCollection& asked, const ps_attribute* attributes, int count) {
    for (int i = 0; i < asked.nbFields; ++i) {
      for (int j = 0; j < count; ++j) {
        if (std::strcmp(asked.fields[i].name, attributes[j].name) == 0) add(attributes[j]);
      }
    }
    collection.nbFields = static_cast<int32_t>(fields_.size());
    collection.fields = fields_.data();
  }

  nvinfer1::PluginFieldCollection collection = {};

 private:
  void add(const ps_attribute& a) {
    using nvinfer1::PluginFieldType;
    const int64_t* ints = static_cast<const int64_t*>(a.values);
    if (a.kind == PS_INTS) ints_.emplace_back(ints, ints + a.count);
    const void* data = a.kind == PS_INTS ? ints_.back().data() : a.values;
    const PluginFieldType type = a.kind == PS_INTS     ? PluginFieldType::kINT32
                                 : a.kind == PS_FLOATS ? PluginFieldType::kFLOAT32
                                                       : PluginFieldType::kCHAR;
    fields_.emplace_back(a.name, data, type, a.count);
  }

  std::deque<std::vector<int32_t>> ints_;
  std::vector<nvinfer1::PluginField> fields_;
};

inline nvinfer1::DataType type_of(int dtype) {
  return static_cast<nvinfer1::DataType>(dtype == PS_FLOAT32   ? 0
                                         : dtype == PS_FLOAT16 ? 1
                                         : dtype == PS_INT32   ? 3
                                         : dtype == PS_UINT8   ? 5
                                                               : 2);
}

inline int dtype_of(nvinfer1::DataType type) {
  const int dtypes[] = {PS_FLOAT32, PS_FLOAT16, 0, PS_INT32, 0, PS_UINT8};
  return dtypes[static_cast<int>(type)];
}

inline void describe(const ps_tensor& tensor, nvinfer1::PluginTensorDesc* to) {
  *to = {};
  to->type = type_of(tensor.dtype);
  to->format = nvinfer1::TensorFormat::kLINEAR;
  to->dims.nbDims = tensor.rank;
  for (int i = 0; i < tensor.rank; ++i) to->dims.d[i] = static_cast<Extent>(tensor.shape[i]);
}

inline void describe(const ps_tensor& tensor, nvinfer1::DynamicPluginTensorDesc* to) {
  *to = {};
  describe(tensor, &to->desc);
  to->min = to->max = to->desc.dims;
}

template <typename Description>
std::vector<Description> described(const ps_tensor* tensors, int count) {
  std::vector<Description> made(count);
  for (int i = 0; i < count; ++i) describe(tensors[i], &made[i]);
  return made;
}

inline std::vector<nvinfer1::DimsExprs> expressions(const ps_tensor* tensors, int count, Builder* builder) {
  std::vector<nvinfer1::DimsExprs> made(count);
  for (int i = 0; i < count; ++i) {
    made[i].nbDims = tensors[i].rank;
    for (int axis = 0; axis < tensors[i].rank; ++axis) {
      made[i].d[axis] = builder->constant(static_cast<Extent>(tensors[i].shape[axis]));
    }
  }
  return made;
}

inline std::vector<nvinfer1::DataType> types(const ps_tensor* tensors, int count) {
  std::vector<nvinfer1::DataType> made;
  for (int i = 0; i < count; ++i) made.push_back(type_of(tensors[i].dtype));
  return made;
}

inline int32_t write(const nvinfer1::DimsExprs& shape, nvinfer1::DataType type, ps_tensor* like) {
  like->dtype = dtype_of(type);
  like->rank = shape.nbDims;
  for (int i = 0; i < shape.nbDims; ++i) like->shape[i] = shape.d[i]->getConstantValue();
  return shape.nbDims < 0;
}

inline std::vector<void*> addresses(const ps_tensor* tensors, int count) {
  std::vector<void*> made;
  for (int i = 0; i < count; ++i) made.push_back(tensors[i].data);
  return made;
}

}  // namespace host

inline const char* taken_log() {
  static std::string taken;
  taken.clear();
  taken.swap(host::logged());
  return taken.c_str();
}
