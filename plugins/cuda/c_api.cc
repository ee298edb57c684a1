// The C interface of the planner.
#include <algorithm>

#include "common/listed_attributes.h"
#include "common/status.h"
#include "cuda/patchskip_cuda.h"
#include "cuda/plan.h"
#include "cuda/signature.h"

struct ps_plan {
  patchskip::cuda::Plan plan;
};

static_assert(sizeof(ps_launch::params) == patchskip::cuda::kMostParams, "room for the parameters");
static_assert(PS_MOST_LAUNCHES == patchskip::cuda::kMostLaunches, "room for the launches");

ps_plan* ps_plan_create(const char* name, const ps_attribute* attributes, int32_t count, const ps_tensor* inputs,
                        int32_t n_inputs, int32_t n_outputs, int32_t sm, int32_t multiprocessors) {
  ps_plan* made = nullptr;
  patchskip::guarded([&] {
    const patchskip::ListedAttributes listed(attributes, count);
    patchskip::cuda::Device device;
    device.sm = sm;
    device.multiprocessors = multiprocessors;
    made = new ps_plan{patchskip::cuda::make_plan(name, listed, inputs, n_inputs, n_outputs, device)};
  });
  return made;
}

void ps_plan_destroy(ps_plan* plan) { delete plan; }

int64_t ps_plan_workspace(const ps_plan* plan) { return plan->plan.workspace_bytes; }

int32_t ps_plan_output(const ps_plan* plan, int32_t output, ps_tensor* like) {
  if (output < 0 || output >= static_cast<int32_t>(plan->plan.outputs.size())) return 1;
  const patchskip::cuda::Output& from = plan->plan.outputs[output];
  *like = ps_tensor();
  like->dtype = from.dtype;
  like->rank = static_cast<int32_t>(from.shape.size());
  std::copy(from.shape.begin(), from.shape.end(), like->shape);
  return 0;
}

int32_t ps_plan_launches(const ps_plan* plan, const void* const* inputs, void* const* outputs, void* workspace,
                         ps_launch* launches) {
  int32_t count = 0;
  for (const patchskip::cuda::Launch& from : plan->plan.launches) {
    ps_launch& to = launches[count];
    if (!patchskip::cuda::write_params(from, inputs, outputs, workspace, to.params)) continue;
    to.kernel = from.kernel;
    to.blocks = from.blocks;
    to.threads = from.threads;
    to.shared_bytes = from.shared_bytes;
    to.params_bytes = static_cast<int32_t>(from.params.size());
    ++count;
  }
  return count;
}

int64_t ps_pack(const char* name, const ps_attribute* attributes, int32_t count, const ps_tensor* inputs,
                int32_t n_inputs, int32_t dtype, float* words, int32_t* replaced, int32_t* n_replaced) {
  int64_t size = -1;
  patchskip::guarded([&] {
    const patchskip::ListedAttributes listed(attributes, count);
    const patchskip::cuda::Constants constants =
        patchskip::cuda::pack_constants(name, listed, inputs, n_inputs, static_cast<ps_dtype>(dtype));
    if (words) std::copy(constants.words.begin(), constants.words.end(), words);
    std::copy(constants.inputs.begin(), constants.inputs.end(), replaced);
    *n_replaced = static_cast<int32_t>(constants.inputs.size());
    size = static_cast<int64_t>(constants.words.size());
  });
  return size;
}

namespace {

// What `body` returns for the node's signature, or -1 on error.
template <typename Body>
int32_t ask(const char* name, const ps_attribute* attributes, int32_t count, Body body) {
  int32_t answer = -1;
  patchskip::guarded([&] {
    const patchskip::ListedAttributes listed(attributes, count);
    answer = static_cast<int32_t>(body(patchskip::cuda::Signature(name, listed)));
  });
  return answer;
}

}  // namespace

const char* ps_attribute_name(const char* name, int32_t index) {
  for (const patchskip::cuda::Operator& op : patchskip::cuda::operators()) {
    if (std::strcmp(op.name, name) == 0 && index < static_cast<int32_t>(op.attributes.size())) {
      return op.attributes[index];
    }
  }
  return nullptr;
}

int32_t ps_output_count(const char* name, const ps_attribute* attributes, int32_t count) {
  return ask(name, attributes, count, [](const patchskip::cuda::Signature& s) { return s.outputs(); });
}

int32_t ps_output_shape(const char* name, const ps_attribute* attributes, int32_t count, const ps_tensor* inputs,
                        int32_t n_inputs, int32_t output, int64_t* shape) {
  return ask(name, attributes, count, [&](const patchskip::cuda::Signature& s) {
    const std::vector<int64_t> made = s.output_shape(output, {inputs, inputs + n_inputs});
    std::copy(made.begin(), made.end(), shape);
    return made.size();
  });
}

int32_t ps_output_type(const char* name, const ps_attribute* attributes, int32_t count, const ps_tensor* inputs,
                       int32_t n_inputs, int32_t output) {
  return ask(name, attributes, count,
             [&](const patchskip::cuda::Signature& s) { return s.output_type(output, {inputs, inputs + n_inputs}); });
}

int32_t ps_accepts(const char* name, const ps_attribute* attributes, int32_t count, const ps_tensor* tensors,
                   int32_t n_tensors, int32_t n_inputs) {
  return ask(name, attributes, count,
             [&](const patchskip::cuda::Signature& s) { return s.accepts({tensors, tensors + n_tensors}, n_inputs); });
}

int32_t ps_aliased_input(const char* name, const ps_attribute* attributes, int32_t count, int32_t output) {
  return ask(name, attributes, count, [&](const patchskip::cuda::Signature& s) { return s.aliased_input(output); });
}
