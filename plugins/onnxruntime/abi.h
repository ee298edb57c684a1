// The part of ONNX Runtime's C interface that the adapter uses, declared here because its Python packages ship no
// headers. The interface only ever grows at its end; version 10 (ONNX Runtime 1.10, the last for Python 3.6) has all of
// this, so the library loads in every release since.
#pragma once
#include <cstddef>
#include <cstdint>

namespace ort {

constexpr uint32_t kApiVersion = 10;

struct Status;
struct Value;
struct KernelInfo;
struct KernelContext;
struct SessionOptions;
struct CustomOpDomain;
struct TensorInfo;

enum ElementType : int32_t { kUndefined = 0, kFloat = 1, kUint8 = 2, kInt32 = 6 };
enum Characteristic : int32_t { kRequired = 0, kOptional = 1 };

// A table of functions; each is at the place that its number gives.
struct Api {
  void* functions[192];
};

struct ApiBase {
  const Api* (*get_api)(uint32_t version);
  const char* (*get_version)();
};

template <int slot, typename Signature>
struct Function;

template <int slot, typename Result, typename... Arguments>
struct Function<slot, Result(Arguments...)> {
  static Result call(const Api* api, Arguments... arguments) {
    return reinterpret_cast<Result (*)(Arguments...)>(api->functions[slot])(arguments...);
  }
};

typedef Function<2, const char*(const Status*)> GetErrorMessage;
typedef Function<26, Status*(const char* domain, CustomOpDomain** out)> CreateCustomOpDomain;
typedef Function<27, Status*(CustomOpDomain*, const struct CustomOp*)> CustomOpDomainAdd;
typedef Function<28, Status*(SessionOptions*, CustomOpDomain*)> AddCustomOpDomain;
typedef Function<51, Status*(Value*, void** out)> GetTensorMutableData;
typedef Function<60, Status*(const TensorInfo*, ElementType* out)> GetTensorElementType;
typedef Function<61, Status*(const TensorInfo*, size_t* out)> GetDimensionsCount;
typedef Function<62, Status*(const TensorInfo*, int64_t* values, size_t count)> GetDimensions;
typedef Function<65, Status*(const Value*, TensorInfo** out)> GetTensorTypeAndShape;
typedef Function<85, Status*(const KernelInfo*, const char* name, float* out)> GetAttributeFloat;
typedef Function<86, Status*(const KernelInfo*, const char* name, int64_t* out)> GetAttributeInt;
typedef Function<87, Status*(const KernelInfo*, const char* name, char* out, size_t* size)> GetAttributeString;
typedef Function<88, Status*(const KernelContext*, size_t* out)> GetInputCount;
typedef Function<89, Status*(const KernelContext*, size_t* out)> GetOutputCount;
typedef Function<90, Status*(const KernelContext*, size_t index, const Value** out)> GetInput;
typedef Function<91, Status*(KernelContext*, size_t index, const int64_t* shape, size_t rank, Value** out)> GetOutput;
typedef Function<93, void(Status*)> ReleaseStatus;
typedef Function<99, void(TensorInfo*)> ReleaseTensorInfo;
typedef Function<162, Status*(const KernelInfo*, const char* name, float* out, size_t* size)> GetAttributeFloats;
typedef Function<163, Status*(const KernelInfo*, const char* name, int64_t* out, size_t* size)> GetAttributeInts;

// What ONNX Runtime calls to make and run an operator; it reads no field beyond those of `version`.
struct CustomOp {
  uint32_t version;
  void* (*create_kernel)(const CustomOp*, const Api*, const KernelInfo*);
  const char* (*get_name)(const CustomOp*);
  const char* (*get_execution_provider)(const CustomOp*);
  ElementType (*get_input_type)(const CustomOp*, size_t index);
  size_t (*get_input_count)(const CustomOp*);
  ElementType (*get_output_type)(const CustomOp*, size_t index);
  size_t (*get_output_count)(const CustomOp*);
  void (*compute)(void* kernel, KernelContext*);
  void (*destroy)(void* kernel);
  Characteristic (*get_input_characteristic)(const CustomOp*, size_t index);
  Characteristic (*get_output_characteristic)(const CustomOp*, size_t index);
};

}  // namespace ort
