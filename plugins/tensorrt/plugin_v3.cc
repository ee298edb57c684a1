// The operators as plugins of TensorRT 10 and newer (IPluginV3). Its registry opens this library and asks for them.
#include "tensorrt/adapter.h"

namespace patchskip {
namespace tensorrt {
namespace {

using namespace nvinfer1;

#if NV_TENSORRT_MAJOR == 10 && NV_TENSORRT_MINOR < 3
typedef IPluginV3OneBuild Build;  // knows no aliases
#else
typedef IPluginV3OneBuildV2 Build;
#endif

constexpr char kSerialised[] = "node";  // the only field of a plugin in an engine

ILoggerFinder* logger_finder = nullptr;

class Plugin : public IPluginV3, public IPluginV3OneCore, public Build, public IPluginV3OneRuntime {
 public:
  explicit Plugin(const Node& node, int n_inputs = 0) : node_(node), n_inputs_(n_inputs) {}

  IPluginCapability* getCapabilityInterface(PluginCapabilityType type) noexcept override {
    return type == PluginCapabilityType::kCORE      ? static_cast<IPluginV3OneCore*>(this)
           : type == PluginCapabilityType::kBUILD   ? static_cast<Build*>(this)
           : type == PluginCapabilityType::kRUNTIME ? static_cast<IPluginV3OneRuntime*>(this)
                                                    : static_cast<IPluginCapability*>(nullptr);
  }
  IPluginV3* clone() noexcept override { return new Plugin(node_, n_inputs_); }

  const char* getPluginName() const noexcept override { return node_.op.c_str(); }
  const char* getPluginVersion() const noexcept override { return kVersion; }
  const char* getPluginNamespace() const noexcept override { return ""; }

  int32_t getNbOutputs() const noexcept override { return node_.signature.outputs(); }
  int32_t getOutputDataTypes(DataType* outputs, int32_t n_outputs, const DataType* inputs,
                             int32_t n_inputs) const noexcept override {
    for (int i = 0; i < n_outputs; ++i) {
      if (!output_type(node_, i, inputs, n_inputs, &outputs[i])) return 1;
    }
    return 0;
  }
  int32_t getOutputShapes(const DimsExprs* inputs, int32_t n_inputs, const DimsExprs*, int32_t, DimsExprs* outputs,
                          int32_t n_outputs, IExprBuilder& builder) noexcept override {
    for (int i = 0; i < n_outputs; ++i) {
      if (!output_shape(node_, i, inputs, n_inputs, builder, &outputs[i])) return 1;
    }
    return 0;
  }
  bool supportsFormatCombination(int32_t position, const DynamicPluginTensorDesc* in_out, int32_t n_inputs,
                                 int32_t) noexcept override {
    return accepts(node_, position, in_out, n_inputs);
  }
  int32_t configurePlugin(const DynamicPluginTensorDesc* inputs, int32_t n_inputs, const DynamicPluginTensorDesc*,
                          int32_t) noexcept override {
    return check(node_, inputs, n_inputs) ? 0 : 1;
  }
  size_t getWorkspaceSize(const DynamicPluginTensorDesc* inputs, int32_t n_inputs, const DynamicPluginTensorDesc*,
                          int32_t) const noexcept override {
    return workspace(node_, inputs, n_inputs);
  }
  int32_t getAliasedInput(int32_t output) noexcept { return node_.signature.aliased_input(output); }

  IPluginV3* attachToContext(IPluginResourceContext*) noexcept override { return clone(); }
  int32_t onShapeChange(const PluginTensorDesc* inputs, int32_t n_inputs, const PluginTensorDesc*,
                        int32_t) noexcept override {
    n_inputs_ = n_inputs;
    return prepare(&node_, inputs, n_inputs) ? 0 : 1;
  }
  // A clone of one that knew its shapes may be told nothing else before this.
  int32_t enqueue(const PluginTensorDesc* descriptions, const PluginTensorDesc*, const void* const* inputs,
                  void* const* outputs, void* workspace, cudaStream_t stream) noexcept override {
    const bool prepared = node_.prepared() || n_inputs_ == 0 || prepare(&node_, descriptions, n_inputs_);
    return prepared && launch(node_, inputs, outputs, workspace, stream) ? 0 : 1;
  }

  const PluginFieldCollection* getFieldsToSerialize() noexcept override {
    bytes_ = node_.attributes.bytes();
    field_ = PluginField(kSerialised, bytes_.data(), PluginFieldType::kINT8, static_cast<int32_t>(bytes_.size()));
    fields_.nbFields = 1;
    fields_.fields = &field_;
    return &fields_;
  }

 private:
  Node node_;
  int n_inputs_;  // which enqueue is not told; 0 before the shapes are known
  std::string bytes_;
  PluginField field_;
  PluginFieldCollection fields_ = {};
};

class Creator : public IPluginCreatorV3One {
 public:
  explicit Creator(const cuda::Operator& op) : op_(op), names_(op) {}

  const char* getPluginName() const noexcept override { return op_.name; }
  const char* getPluginVersion() const noexcept override { return kVersion; }
  const char* getPluginNamespace() const noexcept override { return ""; }
  const PluginFieldCollection* getFieldNames() noexcept override { return names_.get(); }

  IPluginV3* createPlugin(const char* name, const PluginFieldCollection* fields, TensorRTPhase) noexcept override {
    Plugin* made = nullptr;
    succeeds(name, [&] { made = new Plugin(Node(name, op_.name, read(*fields))); });
    return made;
  }

 private:
  static StoredAttributes read(const PluginFieldCollection& fields) {
    for (int i = 0; i < fields.nbFields; ++i) {
      const PluginField& field = fields.fields[i];
      if (std::string(field.name) == kSerialised) return StoredAttributes::from_bytes(field.data, field.length);
    }
    return attributes(fields);
  }

  const cuda::Operator& op_;
  const FieldNames names_;
};

}  // namespace

ILogger* logger() { return logger_finder ? logger_finder->findLogger() : nullptr; }

}  // namespace tensorrt
}  // namespace patchskip

extern "C" PS_API nvinfer1::IPluginCreatorInterface* const* getCreators(int32_t& count) {
  using namespace patchskip::tensorrt;
  static std::vector<nvinfer1::IPluginCreatorInterface*>* const creators = [] {
    auto* made = new std::vector<nvinfer1::IPluginCreatorInterface*>;
    for (const auto& op : patchskip::cuda::operators()) made->push_back(new Creator(op));
    return made;
  }();
  count = static_cast<int32_t>(creators->size());
  return creators->data();
}

extern "C" PS_API void setLoggerFinder(nvinfer1::ILoggerFinder* finder) { patchskip::tensorrt::logger_finder = finder; }

extern "C" PS_API const char* patchskip_plugin_version(void) { return patchskip::tensorrt::description(); }
