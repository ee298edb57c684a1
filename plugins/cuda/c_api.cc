// The C interface of the planner.
#include <algorithm>

#include "common/listed_attributes.h"
#include "common/status.h"
#include "cuda/patchskip_cuda.h"
#include "cuda/plan.h"

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
