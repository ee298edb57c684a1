// Stands for TensorRT 10 and newer. The registry may be a real one, of TensorRT's dispatch or lean library.
#include <dlfcn.h>

#include <memory>

#include "host_tensorrt.h"

using namespace nvinfer1;

namespace {

std::vector<IPluginCreatorV3One*> creators;

struct Finder : ILoggerFinder {
  ILogger* findLogger() override {
    static host::Logger logger;
    return &logger;
  }
};

template <typename Function>
Function find(const char* library, const char* name) {
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!handle) host::logged() += dlerror();
  return handle ? reinterpret_cast<Function>(dlsym(handle, name)) : nullptr;
}

IPluginCreatorV3One* creator_of(const char* op) {
  for (IPluginCreatorV3One* creator : creators) {
    if (std::strcmp(creator->getPluginName(), op) == 0) return creator;
  }
  return nullptr;
}

// As the registry does it.
int32_t open_here(const char* library) {
  static Finder finder;
  auto* const set_finder = find<void (*)(ILoggerFinder*)>(library, "setLoggerFinder");
  auto* const get = find<IPluginCreatorInterface* const* (*)(int32_t&)>(library, "getCreators");
  if (!set_finder || !get) return 1;
  set_finder(&finder);
  int32_t count = 0;
  IPluginCreatorInterface* const* found = get(count);
  for (int i = 0; i < count; ++i) creators.push_back(static_cast<IPluginCreatorV3One*>(found[i]));
  return count != 3;
}

int32_t open_there(const char* library, const char* tensorrt) {
  IPluginRegistry* (*const get)() = find<IPluginRegistry* (*)()>(tensorrt, "getPluginRegistry");
  if (!get || !get()->loadLibrary(library)) return 1;
  for (const char* op : {"PatchMask", "PatchGate", "PatchSkip"}) {
    IPluginCreatorInterface* found = get()->getCreator(op, "1", "");
    if (!found || std::strcmp(found->getInterfaceInfo().kind, "PLUGIN CREATOR_V3ONE") != 0) return 1;
    creators.push_back(static_cast<IPluginCreatorV3One*>(found));
  }
  return 0;
}

}  // namespace

struct host_plugin {
  explicit host_plugin(IPluginV3* made)
      : plugin(made),
        build(static_cast<IPluginV3OneBuild*>(made->getCapabilityInterface(PluginCapabilityType::kBUILD))),
        runtime(static_cast<IPluginV3OneRuntime*>(made->getCapabilityInterface(PluginCapabilityType::kRUNTIME))) {}

  std::unique_ptr<IPluginV3> plugin;
  IPluginV3OneBuild* build;
  IPluginV3OneRuntime* runtime;
};

int32_t host_open(const char* library, const char* tensorrt) {
  return tensorrt ? open_there(library, tensorrt) : open_here(library);
}

const char* host_log() { return taken_log(); }

static host_plugin* make(const char* op, const PluginFieldCollection& fields, TensorRTPhase phase) {
  IPluginV3* made = creator_of(op)->createPlugin("layer", &fields, phase);
  return made ? new host_plugin(made) : nullptr;
}

host_plugin* host_create(const char* op, const ps_attribute* attributes, int32_t count) {
  const host::Fields fields(*creator_of(op)->getFieldNames(), attributes, count);
  return make(op, fields.collection, TensorRTPhase::kBUILD);
}

host_plugin* host_deserialise(const char* op, const void* bytes, int32_t size) {
  const PluginField field("node", bytes, PluginFieldType::kINT8, size);
  const PluginFieldCollection fields = {1, &field};
  return make(op, fields, TensorRTPhase::kRUNTIME);
}

host_plugin* host_clone(host_plugin* host) { return new host_plugin(host->runtime->attachToContext(nullptr)); }
void host_destroy(host_plugin* host) { delete host; }

int32_t host_serialise(host_plugin* host, void* to) {
  const PluginField& field = host->runtime->getFieldsToSerialize()->fields[0];
  if (to) std::memcpy(to, field.data, field.length);
  return field.length;
}

int32_t host_outputs(host_plugin* host) { return host->build->getNbOutputs(); }

#if NV_TENSORRT_MAJOR == 10 && NV_TENSORRT_MINOR < 3
int32_t host_aliased_input(host_plugin*, int32_t) { return -1; }
#else
int32_t host_aliased_input(host_plugin* host, int32_t output) {
  return static_cast<IPluginV3OneBuildV2*>(host->build)->getAliasedInput(output);
}
#endif

int32_t host_output(host_plugin* host, int32_t output, const ps_tensor* inputs, int32_t n_inputs, ps_tensor* like) {
  host::Builder builder;
  const std::vector<DimsExprs> given = host::expressions(inputs, n_inputs, &builder);
  const int n_outputs = host->build->getNbOutputs();
  std::vector<DimsExprs> shapes(n_outputs);
  std::vector<DataType> outputs(n_outputs);
  const std::vector<DataType> types = host::types(inputs, n_inputs);
  if (host->build->getOutputShapes(given.data(), n_inputs, nullptr, 0, shapes.data(), n_outputs, builder) ||
      host->build->getOutputDataTypes(outputs.data(), n_outputs, types.data(), n_inputs)) {
    return 1;
  }
  return host::write(shapes[output], outputs[output], like);
}

int32_t host_accepts(host_plugin* host, int32_t position, const ps_tensor* tensors, int32_t n_inputs, int32_t n_outputs,
                     int32_t linear) {
  auto all = host::described<DynamicPluginTensorDesc>(tensors, n_inputs + n_outputs);
  if (!linear) all[position].desc.format = TensorFormat::kCHW32;
  return host->build->supportsFormatCombination(position, all.data(), n_inputs, n_outputs);
}

int32_t host_configure(host_plugin* host, const ps_tensor* tensors, int32_t n_inputs, int32_t n_outputs) {
  const auto all = host::described<DynamicPluginTensorDesc>(tensors, n_inputs + n_outputs);
  const auto exact = host::described<PluginTensorDesc>(tensors, n_inputs + n_outputs);
  return host->build->configurePlugin(all.data(), n_inputs, all.data() + n_inputs, n_outputs) ||
         host->runtime->onShapeChange(exact.data(), n_inputs, exact.data() + n_inputs, n_outputs);
}

int64_t host_workspace(host_plugin* host, const ps_tensor* tensors, int32_t n_inputs, int32_t n_outputs) {
  const auto all = host::described<DynamicPluginTensorDesc>(tensors, n_inputs + n_outputs);
  return host->build->getWorkspaceSize(all.data(), n_inputs, all.data() + n_inputs, n_outputs);
}

int32_t host_enqueue(host_plugin* host, const ps_tensor* tensors, int32_t n_inputs, int32_t n_outputs, void* workspace,
                     void* stream) {
  const auto all = host::described<PluginTensorDesc>(tensors, n_inputs + n_outputs);
  const std::vector<void*> data = host::addresses(tensors, n_inputs + n_outputs);
  return host->runtime->enqueue(all.data(), all.data() + n_inputs, data.data(), data.data() + n_inputs, workspace,
                                static_cast<cudaStream_t>(stream));
}
