// The operators as plugins of TensorRT 8 (IPluginV2DynamicExt). Opening this library registers them.
#include <dlfcn.h>

#include <cstring>

#include "tensorrt/adapter.h"

namespace patchskip {
namespace tensorrt {
namespace {

using namespace nvinfer1;

// The process has TensorRT already, though not always for all to see: Python opens it for itself alone.
template <typename Function>
Function find_in_tensorrt(const char* name) {
  const std::string file = "libnvinfer.so." + std::to_string(NV_TENSORRT_MAJOR);
  void* handle = dlopen(file.c_str(), RTLD_LAZY);
  return handle ? reinterpret_cast<Function>(dlsym(handle, name)) : nullptr;
}

class Plugin : public IPluginV2DynamicExt {
 public:
  Plugin(const Node& node, int n_inputs) : node_(node), n_inputs_(n_inputs) {}

  const char* getPluginType() const noexcept override { return node_.op.c_str(); }
  const char* getPluginVersion() const noexcept override { return kVersion; }
  void setPluginNamespace(const char* name) noexcept override { namespace_ = name; }
  const char* getPluginNamespace() const noexcept override { return namespace_.c_str(); }
  int32_t initialize() noexcept override { return 0; }
  void terminate() noexcept override {}
  void destroy() noexcept override { delete this; }
  IPluginV2DynamicExt* clone() const noexcept override {
    Plugin* made = new Plugin(node_, n_inputs_);
    made->namespace_ = namespace_;
    return made;
  }

  size_t getSerializationSize() const noexcept override { return bytes().size(); }
  void serialize(void* buffer) const noexcept override {
    const std::string made = bytes();
    std::memcpy(buffer, made.data(), made.size());
  }

  int32_t getNbOutputs() const noexcept override { return node_.signature.outputs(); }
  DataType getOutputDataType(int32_t output, const DataType* inputs, int32_t n_inputs) const noexcept override {
    DataType type = DataType::kFLOAT;
    output_type(node_, output, inputs, n_inputs, &type);
    return type;
  }
  DimsExprs getOutputDimensions(int32_t output, const DimsExprs* inputs, int32_t n_inputs,
                                IExprBuilder& builder) noexcept override {
    DimsExprs shape = {};
    if (!output_shape(node_, output, inputs, n_inputs, builder, &shape)) shape.nbDims = -1;
    return shape;
  }
  bool supportsFormatCombination(int32_t position, const PluginTensorDesc* in_out, int32_t n_inputs,
                                 int32_t) noexcept override {
    return accepts(node_, position, in_out, n_inputs);
  }
  void configurePlugin(const DynamicPluginTensorDesc* inputs, int32_t n_inputs, const DynamicPluginTensorDesc*,
                       int32_t) noexcept override {
    n_inputs_ = n_inputs;
    node_.forget();
    check(node_, inputs, n_inputs);
  }
  size_t getWorkspaceSize(const PluginTensorDesc* inputs, int32_t n_inputs, const PluginTensorDesc*,
                          int32_t) const noexcept override {
    return workspace(node_, inputs, n_inputs);
  }
  // An engine that is loaded may call nothing else before this.
  int32_t enqueue(const PluginTensorDesc* descriptions, const PluginTensorDesc*, const void* const* inputs,
                  void* const* outputs, void* workspace, cudaStream_t stream) noexcept override {
    const bool prepared = node_.prepared() || prepare(&node_, descriptions, n_inputs_);
    return prepared && launch(node_, inputs, outputs, workspace, stream) ? 0 : 1;
  }

 private:
  std::string bytes() const {
    StoredAttributes all = node_.attributes;
    all.set("inputs", std::vector<int64_t>{n_inputs_});
    return all.bytes();
  }

  Node node_;
  int n_inputs_;  // which enqueue is not told
  std::string namespace_;
};

class Creator : public IPluginCreator {
 public:
  explicit Creator(const cuda::Operator& op) : op_(op), names_(op) {}

  const char* getPluginName() const noexcept override { return op_.name; }
  const char* getPluginVersion() const noexcept override { return kVersion; }
  const PluginFieldCollection* getFieldNames() noexcept override { return names_.get(); }
  void setPluginNamespace(const char* name) noexcept override { namespace_ = name; }
  const char* getPluginNamespace() const noexcept override { return namespace_.c_str(); }

  IPluginV2* createPlugin(const char* name, const PluginFieldCollection* fields) noexcept override {
    return make(name, [&] { return attributes(*fields); });
  }
  IPluginV2* deserializePlugin(const char* name, const void* bytes, size_t size) noexcept override {
    return make(name, [&] { return StoredAttributes::from_bytes(bytes, size); });
  }

 private:
  template <typename Read>
  IPluginV2* make(const std::string& name, Read read) {
    Plugin* made = nullptr;
    succeeds(name, [&] {
      const StoredAttributes found = read();
      made = new Plugin(Node(name, op_.name, found), found.integer("inputs", 0));
      made->setPluginNamespace(getPluginNamespace());
    });
    return made;
  }

  const cuda::Operator& op_;
  const FieldNames names_;
  std::string namespace_;
};

bool register_creators() {
  static bool done = false;
  IPluginRegistry* (*const get_registry)() = find_in_tensorrt<IPluginRegistry* (*)()>("getPluginRegistry");
  if (done || !get_registry) return done;
  done = true;
  // TensorRT keeps what it is given until the process ends.
  for (const auto& op : cuda::operators()) done = get_registry()->registerCreator(*new Creator(op), "") && done;
  return done;
}

__attribute__((constructor)) void opened() { register_creators(); }

}  // namespace

ILogger* logger() {
  static ILogger* (*const get_logger)() = find_in_tensorrt<ILogger* (*)()>("getLogger");
  return get_logger ? get_logger() : nullptr;
}

}  // namespace tensorrt
}  // namespace patchskip

// 0, or 1 when there is no TensorRT that could be told of the plugins.
extern "C" PS_API int32_t patchskip_register(void) { return patchskip::tensorrt::register_creators() ? 0 : 1; }

extern "C" PS_API const char* patchskip_plugin_version(void) { return patchskip::tensorrt::description(); }
