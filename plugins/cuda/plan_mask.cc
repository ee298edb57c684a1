// PatchMask.
#include <algorithm>
#include <limits>

#include "cuda/device/mask_params.h"
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {
namespace {

constexpr int kMuch = 64;  // patches that an output patch reads: from here on a warp shares them

// Does every output patch read all patches between the first that its first pixel reads and the last of its last?
bool leaves_none_out(const MaskAxis& axis, int pixels, int in_patches, int in_patch) {
  Range before = axis.patches(0, 0, in_patches, in_patch);
  for (int i = 1; i < pixels; ++i) {
    const Range r = axis.patches(i, i, in_patches, in_patch);
    if (r.first < before.first || r.last < before.last || r.first > before.last + 1) return false;
    before = r;
  }
  return true;
}

int most_read(const MaskAxis& axis, int pixels, int patch, int in_patches, int in_patch) {
  int most = 0;
  for (int i = 0; i < pixels; i += patch) {
    const Range r = axis.patches(i, std::min(i + patch, pixels) - 1, in_patches, in_patch);
    most = std::max(most, r.last - r.first + 1);
  }
  return most;
}

MaskAxis axis_of(const int* window) {
  expect(window[1] > 0, "a window's den must be positive");
  return {window[0], window[1], window[2], window[3]};
}

void plan_mask(Builder* builder, const Attributes& a, const Tensor* inputs, int n_inputs, int n_outputs) {
  const std::vector<int> size = a.ints("size", {}), in_patch = a.ints("in_patch", {}), windows = a.ints("windows", {});
  const int patch = a.required_integer("patch");
  expect(size.size() == 2 && size[0] > 0 && size[1] > 0, "size must be two positive integers");
  expect(patch > 0, "patch must be positive");
  expect(!in_patch.empty() && windows.size() == 8 * in_patch.size(),
         "windows must hold eight integers for each of in_patch's " + std::to_string(in_patch.size()) + "; found " +
             std::to_string(windows.size()));
  expect(n_inputs == static_cast<int>(in_patch.size()),
         std::to_string(n_inputs) + " masks; in_patch describes " + std::to_string(in_patch.size()));
  expect(n_inputs <= kMostMasks, std::to_string(n_inputs) + " masks; at most 16 are possible");
  expect(n_outputs == 1, "it has one output");

  MaskParams p = {};
  p.rows = patches(size[0], patch);
  p.columns = patches(size[1], patch);
  p.patch = patch;
  p.height = size[0];
  p.width = size[1];
  p.count = n_inputs;
  Bindings bindings = {{&p.out, output(0)}};
  int64_t read = 0;
  for (int i = 0; i < n_inputs; ++i) {
    expect_tensor("a mask", inputs[i], PS_INT32, {-1, -1});
    expect(in_patch[i] > 0, "in_patch must be positive");
    MaskSource& s = p.sources[i];
    s.rows = static_cast<int>(inputs[i].shape[0]);
    s.columns = static_cast<int>(inputs[i].shape[1]);
    s.patch = in_patch[i];
    s.y = axis_of(&windows[8 * i]);
    s.x = axis_of(&windows[8 * i + 4]);
    const int whole = std::min<int>(patch, std::numeric_limits<short>::max());
    s.step_y = static_cast<short>(leaves_none_out(s.y, size[0], s.rows, s.patch) ? whole : 1);
    s.step_x = static_cast<short>(leaves_none_out(s.x, size[1], s.columns, s.patch) ? whole : 1);
    read = std::max(read, static_cast<int64_t>(most_read(s.y, size[0], patch, s.rows, s.patch)) *
                              most_read(s.x, size[1], patch, s.columns, s.patch));
    bindings.push_back({&s.mask, input(i)});
  }
  p.lanes = read < kMuch ? 1 : 32;
  builder->plan.outputs.push_back({PS_INT32, {p.rows, p.columns}});
  builder->launch("patch_mask", static_cast<int64_t>(p.rows) * p.columns * p.lanes, 256, 0, p, bindings);
}

}  // namespace

Plan plan_patch_mask(const Attributes& a, const Tensor* inputs, int n_inputs, int n_outputs, const Device& device) {
  Builder builder(device);
  try {
    plan_mask(&builder, a, inputs, n_inputs, n_outputs);
  } catch (const Error& error) {
    throw Error(std::string("PatchMask: ") + error.what());
  }
  return builder.plan;
}

}  // namespace cuda
}  // namespace patchskip
