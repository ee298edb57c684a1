#include "cuda/planner.h"

#include <algorithm>
#include <cstring>

#include "common/half.h"
#include "cuda/device/kernels.h"

namespace patchskip {
namespace cuda {
namespace {

struct KernelEntry {
  const char* name;
  size_t params;
  int threads, resident;
};

#define PS_ENTRY(name, Params, threads, resident, ...) {#name, sizeof(Params), threads, resident},
const KernelEntry kKernels[] = {PS_CUDA_KERNELS(PS_ENTRY)};

constexpr int64_t kAlignment = 256;

// Shared memory of a multiprocessor, in KiB: the CUDA programming guide's table of compute capabilities.
int shared_memory(int sm) {
  if (sm == 80 || sm == 87) return 164;
  if (sm >= 90 && sm < 120) return 228;
  return sm == 70 || sm == 72 ? 96 : sm >= 86 ? 100 : 64;
}

}  // namespace

const char* const kNotPacked = "its constants are not packed: build the engine with `patchskip build`";

Divisor make_divisor(int divisor) {
  expect(divisor > 0, "a divisor must be positive");
  Divisor d = {static_cast<unsigned>(divisor), 0, 0};
  if (divisor == 1) return d;
  int bits = 0;
  while ((1ll << bits) < divisor) ++bits;
  d.multiplier = static_cast<unsigned>(((1ull << (31 + bits)) + divisor - 1) / divisor);
  d.shift = bits - 1;
  return d;
}

Grid make_grid(const Plane& out, int patch) {
  Grid g = {};
  g.rows = patches(out.height, patch);
  g.columns = patches(out.width, patch);
  g.patch = patch;
  g.height = out.height;
  g.width = out.width;
  g.by_columns = make_divisor(g.columns);
  g.by_patch = make_divisor(patch);
  g.by_area = make_divisor(patch * patch);
  return g;
}

int active_shared_bytes(const Grid& g) { return ((g.rows * g.columns + 31) / 32 * 2 + 1) * 4; }

int64_t slots(const Grid& g) { return static_cast<int64_t>(g.rows) * g.columns * g.patch * g.patch; }

Plane plane_of(const char* what, const Tensor& t, ps_dtype dtype) {
  expect_tensor(what, t, dtype, {1, -1, -1, -1});
  Plane p;
  p.height = static_cast<int>(t.shape[1]);
  p.width = static_cast<int>(t.shape[2]);
  p.channels = static_cast<int>(t.shape[3]);
  return p;
}

Picture make_picture(const Image& image) {
  Picture p = {};
  p.bytes = image.bytes;
  p.planar = image.planar;
  p.height = image.out.height;
  p.width = image.out.width;
  p.in_channels = image.in_channels;
  if (!image.channels && !image.scale && !image.bias) return p;
  p.listed = image.out.channels;
  expect(image.out.channels <= kMostListed,
         "channels, scale and bias are possible with at most 16 channels; found " + std::to_string(image.out.channels));
  for (int c = 0; c < p.listed; ++c) {
    p.channel[c] = image.channels ? image.channels[c] : c;
    p.scale[c] = image.scale ? image.scale[c] : 1;
    p.bias[c] = image.bias ? image.bias[c] : 0;
  }
  return p;
}

Launch& Builder::launch(const std::string& kernel, int64_t work, int block_work, int shared_bytes, const void* params,
                        size_t size, const Bindings& bindings) {
  const KernelEntry* entry = nullptr;
  for (const KernelEntry& candidate : kKernels) {
    if (kernel == candidate.name) entry = &candidate;
  }
  expect(entry != nullptr && entry->params == size && size <= kMostParams, "there is no kernel " + kernel);
  expect(work < (1ll << 31), "the tensor is too large: " + std::to_string(work) + " pieces of work");
  expect(shared_bytes <= kSharedOfBlock, "the mask has too many patches: " + kernel + " needs " +
                                             std::to_string(shared_bytes) + " bytes of shared memory, a block has " +
                                             std::to_string(kSharedOfBlock) + "; export with larger patches");
  const int fitting = shared_memory(device.sm) * 1024 / (shared_bytes + 1024);  // of which the system takes 1 KiB
  const int64_t held = static_cast<int64_t>(device.multiprocessors) * std::min(entry->resident, fitting);
  const int64_t blocks = std::max<int64_t>(1, std::min(held, (work + block_work - 1) / block_work));
  Launch made = {entry->name, static_cast<int>(blocks), entry->threads, shared_bytes, false, {}, {}};
  made.params.assign(static_cast<const char*>(params), static_cast<const char*>(params) + size);
  for (const Binding& binding : bindings) {
    made.pointers.push_back(
        {static_cast<size_t>(static_cast<const char*>(binding.member) - static_cast<const char*>(params)),
         binding.address});
    expect(made.pointers.back().at + sizeof(void*) <= size, "a binding lies outside the parameters of " + kernel);
  }
  plan.launches.push_back(made);
  return plan.launches.back();
}

void Builder::copy(const Address& from, const Address& to, int64_t bytes) {
  CopyParams p = {};
  p.bytes = bytes;
  launch("copy", bytes / 4, 256, 0, p, {{&p.from, from}, {&p.to, to}}).is_copy = true;
}

Address Builder::scratch(int64_t bytes) {
  const int64_t at = (plan.workspace_bytes + kAlignment - 1) / kAlignment * kAlignment;
  plan.workspace_bytes = at + bytes;
  return workspace(at);
}

Finish device_finish(const FinishAttributes& attributes, bool with_residual) {
  const patchskip::Finish given = attributes.with(nullptr);
  Finish finish = {};
  finish.activation = given.activation;
  finish.place = !with_residual || !attributes.has_residual() ? kNoResidual
                 : given.residual_after                       ? kAfterActivation
                                                              : kBeforeActivation;
  finish.a = given.a;
  finish.b = given.b;
  return finish;
}

SkipNode::SkipNode(const std::string& op_type, const Attributes& a, const Tensor* inputs, int n_inputs, int n_outputs,
                   const Device& device)
    : op_type(op_type), attributes(a), inputs(inputs), builder(device), finish_attributes(a), gate("", a) {
  if (!gated()) gate.expect_no_weights("threshold is 0");
  expect(n_inputs >= 3, "it takes active, cache and at least one input");
  expect(n_outputs == 1 || n_outputs == 2, "it has one or two outputs");
  const std::vector<int> shape = a.ints("shape", {});
  keeps = shape.empty();
  const bool flat = op_type == "Flatten", planar = op_type == "Planes", anew = flat || planar;
  expect(!anew || !gated(), "threshold must be 0");
  expect(!anew || !finish_attributes.has_residual(), "it takes no residual");
  expect(keeps || (!gated() && !anew), "with the attribute shape there is no cache, and threshold must be 0");
  if (keeps) {
    expect(inputs[1].data != nullptr, "cache is missing");
    dtype = static_cast<ps_dtype>(inputs[1].dtype);
    if (flat) {
      expect_tensor("cache", inputs[1], dtype, {1, -1, -1});
      out.height = 1;
      out.width = static_cast<int>(inputs[1].shape[1]);
      out.channels = static_cast<int>(inputs[1].shape[2]);
    } else if (planar) {
      expect_tensor("cache", inputs[1], dtype, {1, -1, -1, -1});
      out.channels = static_cast<int>(inputs[1].shape[1]);
      out.height = static_cast<int>(inputs[1].shape[2]);
      out.width = static_cast<int>(inputs[1].shape[3]);
    } else {
      out = plane_of("cache", inputs[1], dtype);
    }
  } else {
    expect(shape.size() == 4 && shape[0] == 1 && shape[1] > 0 && shape[2] > 0 && shape[3] > 0,
           "shape must be [1, H, W, C]");
    const bool picture = inputs[2].dtype == PS_UINT8;
    dtype = picture ? PS_FLOAT32 : static_cast<ps_dtype>(inputs[2].dtype);
    out.height = shape[1];
    out.width = shape[2];
    out.channels = shape[3];
  }
  expect(dtype == PS_FLOAT32 || dtype == PS_FLOAT16,
         "activations must be float32 or float16; found " + shape_text(inputs[keeps ? 1 : 2]));
  int end = n_inputs;
  constants = a.integer("constants", 0) > 0 ? --end : -1;
  residual = finish_attributes.has_residual() ? --end : -1;
  own = end - 2;
  expect(own >= 1, "it takes active, cache and at least one input");
  finish_attributes.prepare(out.channels);
  if (residual >= 0) expect_tensor("the residual", inputs[residual], dtype, {1, out.height, out.width, out.channels});
  if (!flat) {
    grid = make_grid(out, gate.patch);
    expect_tensor("active", inputs[0], PS_INT32, {grid.rows, grid.columns});
  }
  const Tensor& active = inputs[0];
  expect(active.data && active.rank == 2, "active is " + shape_text(active) + "; expected int32 [Gh, Gw]");
  std::vector<int64_t> y = {1, out.height, out.width, out.channels};
  if (anew) y.assign(inputs[1].shape, inputs[1].shape + inputs[1].rank);
  builder.plan.outputs.push_back({dtype, y});
  if (n_outputs > 1) builder.plan.outputs.push_back({PS_INT32, {active.shape[0], active.shape[1]}});
  target = gated() ? builder.scratch(out.size() * size_of(dtype)) : output(0);
}

Plane SkipNode::plane(int i) const {
  const Plane p = plane_of(i ? "an input" : "X", inputs[2 + i], dtype);
  return p;
}

void SkipNode::expect_own(int count) const {
  expect(own == count, std::to_string(own) + " inputs after active and cache; expected " + std::to_string(count) +
                           (constants < 0 ? std::string(" (") + kNotPacked + ")" : ""));
}

Finish SkipNode::finish(int64_t words) {
  const Finish f = device_finish(finish_attributes, true);
  own_words_ = words;
  const int64_t all = words + slopes_words() + (gate.weights(out.channels) ? out.channels : 0);
  expect(all == 0 || constants >= 0, kNotPacked);
  if (all) expect_tensor("constants", inputs[constants], PS_INT32, {all});
  return f;
}

int64_t SkipNode::slopes_words() const {
  return finish_attributes.with(nullptr).activation == Activation::kPRelu ? out.channels : 0;
}

Address SkipNode::weights() const { return input(constants, (own_words_ + slopes_words()) * 4); }

Bindings SkipNode::bindings(const Finish& f, const Grid& g, int64_t slopes) const {
  Bindings made = finish_bindings(f, slopes);
  made.push_back({&g.active, input(0)});
  return made;
}

Bindings SkipNode::finish_bindings(const Finish& f, int64_t slopes) const {
  Bindings made;
  if (f.place != kNoResidual) made.push_back({&f.residual, input(residual)});
  if (f.activation == Activation::kPRelu)
    made.push_back({&f.slopes, input(constants, (slopes < 0 ? own_words_ : slopes) * 4)});
  return made;
}

int output_channels(const Attributes& a, const Tensor* inputs) {
  const std::vector<int> shape = a.ints("shape", {});
  if (!shape.empty()) return shape.back();
  expect(inputs[1].data != nullptr && inputs[1].rank > 0, "cache is missing");
  const bool planar = a.text("op_type", "") == "Planes";
  return static_cast<int>(inputs[1].shape[planar ? 1 : inputs[1].rank - 1]);
}

void expect_inputs(const Attributes& a, int n_inputs, int own) {
  const bool residual = FinishAttributes(a).has_residual();
  expect(n_inputs == 2 + own + residual, std::to_string(n_inputs - 2) + " inputs after active and cache; expected " +
                                             std::to_string(own) + (residual ? " and the residual" : ""));
}

void append(const std::vector<float>& values, ps_dtype dtype, Constants* constants) {
  const size_t begin = constants->words.size();
  constants->words.resize(begin + appended_words(static_cast<int64_t>(values.size()), dtype), 0.0f);
  float* to = constants->words.data() + begin;
  if (dtype != PS_FLOAT16) {
    std::copy(values.begin(), values.end(), to);
    return;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t bits = half_of_float(values[i]);
    std::memcpy(reinterpret_cast<char*>(to) + 2 * i, &bits, 2);
  }
}

int64_t appended_words(int64_t values, ps_dtype dtype) { return (values * size_of(dtype) + 15) / 16 * 4; }

}  // namespace cuda
}  // namespace patchskip
