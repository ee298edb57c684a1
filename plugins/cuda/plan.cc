#include "cuda/plan.h"

#include <cstring>

#include "cuda/device/copy_params.h"
#include "cuda/planner.h"
#include "cuda/signature.h"

namespace patchskip {
namespace cuda {
namespace {

// clang-format off
const OpType kOpTypes[] = {
    {"Conv", plan_conv, pack_conv},
    {"ConvTranspose", plan_conv, pack_conv},
    {"SeparableConv", plan_separable, pack_separable},
    {"ConcatConv", plan_concat_conv, pack_concat_conv},
    {"DeformConv", plan_deform, pack_deform},
    {"Add", plan_pointwise, nullptr},
    {"Mul", plan_pointwise, nullptr},
    {"Identity", plan_pointwise, nullptr},
    {"Flatten", plan_flatten, nullptr},
    {"Planes", plan_planes, nullptr},
    {"MaxPool", plan_pool, nullptr},
    {"AveragePool", plan_pool, nullptr},
    {"Resize", plan_resize, nullptr},
    {"Image", plan_image, nullptr},
    {"Concat", plan_concat, nullptr},
    {"ChannelMap", plan_channel_map, pack_channel_map},
};
// clang-format on

const OpType& op_type(const Attributes& a) {
  const std::string name = a.text("op_type", "");
  for (const OpType& entry : kOpTypes) {
    if (name == entry.name) return entry;
  }
  throw Error("PatchSkip: op_type '" + name + "' is not known");
}

Plan plan_patch_skip(const Attributes& a, const Tensor* inputs, int n_inputs, int n_outputs, const Device& device) {
  const OpType& type = op_type(a);
  try {
    SkipNode node(type.name, a, inputs, n_inputs, n_outputs, device);
    if (node.keeps) node.builder.copy(input(1), output(0), node.out.size() * size_of(node.dtype));
    if (n_outputs > 1 && !node.gated())
      node.builder.copy(input(0), output(1), inputs[0].shape[0] * inputs[0].shape[1] * 4);
    type.plan(&node);
    if (node.gated()) plan_commit(&node, n_outputs);
    return node.builder.plan;
  } catch (const Error& error) {
    throw Error(std::string("PatchSkip ") + type.name + ": " + error.what());
  }
}

}  // namespace

Plan make_plan(const std::string& name, const Attributes& a, const Tensor* given, int n_inputs, int n_outputs,
               const Device& device) {
  const std::vector<Tensor> restored = with_picture(name, a, given, n_inputs);
  const Tensor* const inputs = restored.data();
  if (name == "PatchSkip") return plan_patch_skip(a, inputs, n_inputs, n_outputs, device);
  if (name == "PatchMask") return plan_patch_mask(a, inputs, n_inputs, n_outputs, device);
  if (name == "PatchGate") return plan_patch_gate(a, inputs, n_inputs, n_outputs, device);
  throw Error("there is no operator '" + name + "'; expected PatchMask, PatchGate or PatchSkip");
}

bool write_params(const Launch& launch, const void* const* inputs, void* const* outputs, void* workspace,
                  void* params) {
  std::memcpy(params, launch.params.data(), launch.params.size());
  for (const Pointer& pointer : launch.pointers) {
    const Address& address = pointer.address;
    const void* base = address.memory == Memory::kInput    ? inputs[address.index]
                       : address.memory == Memory::kOutput ? outputs[address.index]
                                                           : workspace;
    const char* value = static_cast<const char*>(base) + address.offset;
    std::memcpy(static_cast<char*>(params) + pointer.at, &value, sizeof(value));
  }
  if (!launch.is_copy) return true;
  CopyParams copy;
  std::memcpy(&copy, params, sizeof(copy));
  return copy.from != copy.to;
}

Constants pack_constants(const std::string& name, const Attributes& a, const Tensor* given, int n_inputs,
                         ps_dtype dtype) {
  Constants constants;
  const std::vector<Tensor> restored = with_picture(name, a, given, n_inputs);
  const Tensor* const inputs = restored.data();
  const std::vector<float> weights = a.floats("weights");  // the plan checks them
  if (name != "PatchSkip") {
    constants.words = weights;
    return constants;
  }
  const OpType& type = op_type(a);
  try {
    if (type.pack) type.pack(a, inputs, n_inputs, dtype, &constants);
    FinishAttributes finish(a);
    if (finish.with(nullptr).activation == Activation::kPRelu) {
      const int channels = output_channels(a, inputs);
      finish.prepare(channels);
      const float* slopes = finish.with(nullptr).slopes;
      constants.words.insert(constants.words.end(), slopes, slopes + channels);
    }
    constants.words.insert(constants.words.end(), weights.begin(), weights.end());
  } catch (const Error& error) {
    throw Error(std::string("PatchSkip ") + type.name + ": " + error.what());
  }
  return constants;
}

}  // namespace cuda
}  // namespace patchskip
