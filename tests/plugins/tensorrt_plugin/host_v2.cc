// Stands for TensorRT 8: built as libnvinfer.so.8, it has the registry and the logger that a plugin looks for there.
#include <dlfcn.h>

#include <memory>

#include "host_tensorrt.h"

using namespace nvinfer1;

namespace {

struct Registry : IPluginRegistry {
  bool registerCreator(IPluginCreator& creator, const char* space) noexcept override {
    creator.setPluginNamespace(space);
    creators.push_back(&creator);
    return true;
  }
  IPluginCreator* const* getPluginCreatorList(int32_t* count) const noexcept override {
    *count = static_cast<int32_t>(creators.size());
    return creators.data();
  }
  IPluginCreator* getPluginCreator(const char* name, const char* version, const char* space) noexcept override {
    for (IPluginCreator* creator : creators) {
      if (std::string(creator->getPluginName()) == name && std::string(creator->getPluginVersion()) == version &&
          std::string(creator->getPluginNamespace()) == space) {
        return creator;
      }
    }
    return nullptr;
  }
  void setErrorRecorder(IErrorRecorder*) noexcept override {}
  IErrorRecorder* getErrorRecorder() const noexcept override { return nullptr; }
  bool deregisterCreator(const IPluginCreator&) noexcept override { return false; }
  // From TensorRT 8.6 on.
  bool isParentSearchEnabled() const { return false; }
  void setParentSearchEnabled(bool) {}
  void* loadLibrary(const char*) noexcept { return nullptr; }
  void deregisterLibrary(void*) noexcept {}

  std::vector<IPluginCreator*> creators;
};

Registry registry;

struct Destroy {
  void operator()(IPluginV2* plugin) const { plugin->destroy(); }
};

}  // namespace

struct host_plugin {
  explicit host_plugin(IPluginV2* made) : plugin(static_cast<IPluginV2DynamicExt*>(made)) {}
  std::unique_ptr<IPluginV2DynamicExt, Destroy> plugin;
};

extern "C" PS_API IPluginRegistry* getPluginRegistry() noexcept { return &registry; }

extern "C" PS_API ILogger* getLogger() noexcept {
  static host::Logger logger;
  return &logger;
}

int32_t host_open(const char* library, const char*) {
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    host::logged() += dlerror();
    return 1;
  }
  int32_t (*const register_plugins)() = reinterpret_cast<int32_t (*)()>(dlsym(handle, "patchskip_register"));
  if (!register_plugins || register_plugins() != 0) return 1;
  return registry.creators.size() != 3;
}

const char* host_log() { return taken_log(); }

host_plugin* host_create(const char* op, const ps_attribute* attributes, int32_t count) {
  IPluginCreator* creator = registry.getPluginCreator(op, "1", "");
  const host::Fields fields(*creator->getFieldNames(), attributes, count);
  IPluginV2* made = creator->createPlugin("layer", &fields.collection);
  return made ? new host_plugin(made) : nullptr;
}

host_plugin* host_deserialise(const char* op, const void* bytes, int32_t size) {
  IPluginV2* made = registry.getPluginCreator(op, "1", "")->deserializePlugin("layer", bytes, size);
  return made ? new host_plugin(made) : nullptr;
}

host_plugin* host_clone(host_plugin* host) { return new host_plugin(host->plugin->clone()); }
void host_destroy(host_plugin* host) { delete host; }

int32_t host_serialise(host_plugin* host, void* to) {
  if (to) host->plugin->serialize(to);
  return static_cast<int32_t>(host->plugin->getSerializationSize());
}

int32_t host_outputs(host_plugin* host) { return host->plugin->getNbOutputs(); }
int32_t host_aliased_input(host_plugin*, int32_t) { return -1; }

int32_t host_output(host_plugin* host, int32_t output, const ps_tensor* inputs, int32_t n_inputs, ps_tensor* like) {
  host::Builder builder;
  const std::vector<DimsExprs> shapes = host::expressions(inputs, n_inputs, &builder);
  const DataType type = host->plugin->getOutputDataType(output, host::types(inputs, n_inputs).data(), n_inputs);
  return host::write(host->plugin->getOutputDimensions(output, shapes.data(), n_inputs, builder), type, like);
}

int32_t host_accepts(host_plugin* host, int32_t position, const ps_tensor* tensors, int32_t n_inputs, int32_t n_outputs,
                     int32_t linear) {
  std::vector<PluginTensorDesc> all = host::described<PluginTensorDesc>(tensors, n_inputs + n_outputs);
  if (!linear) all[position].format = TensorFormat::kCHW32;
  return host->plugin->supportsFormatCombination(position, all.data(), n_inputs, n_outputs);
}

int32_t host_configure(host_plugin* host, const ps_tensor* tensors, int32_t n_inputs, int32_t n_outputs) {
  const auto all = host::described<DynamicPluginTensorDesc>(tensors, n_inputs + n_outputs);
  host->plugin->configurePlugin(all.data(), n_inputs, all.data() + n_inputs, n_outputs);
  return host->plugin->initialize();
}

int64_t host_workspace(host_plugin* host, const ps_tensor* tensors, int32_t n_inputs, int32_t n_outputs) {
  const auto all = host::described<PluginTensorDesc>(tensors, n_inputs + n_outputs);
  return host->plugin->getWorkspaceSize(all.data(), n_inputs, all.data() + n_inputs, n_outputs);
}

int32_t host_enqueue(host_plugin* host, const ps_tensor* tensors, int32_t n_inputs, int32_t n_outputs, void* workspace,
                     void* stream) {
  const auto all = host::described<PluginTensorDesc>(tensors, n_inputs + n_outputs);
  const std::vector<void*> data = host::addresses(tensors, n_inputs + n_outputs);
  return host->plugin->enqueue(all.data(), all.data() + n_inputs, data.data(), data.data() + n_inputs, workspace,
                               static_cast<cudaStream_t>(stream));
}
