// PatchGate, and the gate of a PatchSkip node.
#include <algorithm>

#include "common/image_attributes.h"
#include "cuda/device/commit_params.h"
#include "cuda/device/gate_params.h"
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {
namespace {

constexpr int kWarps = 8;  // of a block

// width: channels that a lane takes together.
Cells make_cells(const GateAttributes& gate, int channels, int width) {
  Cells cells = {gate.cell, channels, 1, gate.threshold, nullptr};
  while (cells.parts < gate.cell && 2 * cells.parts * (channels / width) <= 32) cells.parts *= 2;
  return cells;
}

void plan_gate(Builder* builder, const Attributes& a, const Tensor* inputs, int n_inputs, int n_outputs) {
  const ImageAttributes image(a);
  const std::string mode = a.text("mode", "exact");
  const bool exact = mode == "exact";
  const GateAttributes gate("", a);
  const int patch = gate.patch, cell = gate.cell;
  expect(exact || mode == "delta", "mode '" + mode + "' is neither exact nor delta");
  if (exact) gate.expect_no_weights("mode exact compares every value");
  expect(cell <= kMostCell, "cell must be at most 16");
  const int constants = a.integer("constants", 0) > 0 ? --n_inputs : -1;
  expect(n_inputs == 2 || n_inputs == 3, "it takes X, reference and optionally candidates");
  expect(n_outputs == (exact ? 1 : 2),
         exact ? "exact has one output: active" : "delta has two outputs: active and reference");
  const Plane plane = image.plane(inputs[0]);

  GateParams p = {};
  p.picture = make_picture(image.image(inputs[0], plane));
  p.grid = make_grid(plane, patch);
  p.cell_columns = patches(plane.width, cell);
  p.cells = make_cells(gate, plane.channels, 1);
  p.by_channels = make_divisor(plane.channels);
  p.by_row = make_divisor(patch * plane.channels);
  Bindings bindings = {{&p.picture.x, input(0)}, {&p.reference, input(1)}, {&p.active, output(0)}};
  builder->plan.outputs.push_back({PS_INT32, {p.grid.rows, p.grid.columns}});
  if (n_inputs == 3 && inputs[2].data) {
    expect_tensor("candidates", inputs[2], PS_INT32, {p.grid.rows, p.grid.columns});
    bindings.push_back({&p.grid.active, input(2)});
  }
  const int64_t work = static_cast<int64_t>(p.grid.rows) * p.grid.columns;
  if (exact) {
    const ps_dtype kept = inputs[1].dtype == PS_FLOAT16 ? PS_FLOAT16 : PS_FLOAT32;
    expect_tensor("reference", inputs[1], kept, {1, plane.height, plane.width, plane.channels});
    builder->launch(std::string("gate_exact") + suffix(kept), work, kWarps, 0, p, bindings);
    return;
  }
  const std::vector<int64_t> means = {patches(plane.height, cell), p.cell_columns, plane.channels};
  expect_tensor("reference", inputs[1], PS_FLOAT32, means);
  builder->plan.outputs.push_back({PS_FLOAT32, means});
  builder->copy(input(1), output(1), means[0] * means[1] * means[2] * 4);
  bindings.push_back({&p.updated, output(1)});
  if (gate.weights(plane.channels)) {
    expect(constants >= 0, kNotPacked);
    expect_tensor("constants", inputs[constants], PS_INT32, {plane.channels});
    bindings.push_back({&p.cells.weights, input(constants)});
  }
  builder->launch("gate_delta", work, kWarps, 0, p, bindings);
}

}  // namespace

Plan plan_patch_gate(const Attributes& a, const Tensor* inputs, int n_inputs, int n_outputs, const Device& device) {
  Builder builder(device);
  try {
    plan_gate(&builder, a, inputs, n_inputs, n_outputs);
  } catch (const Error& error) {
    throw Error(std::string("PatchGate: ") + error.what());
  }
  return builder.plan;
}

void plan_commit(SkipNode* node, int n_outputs) {
  const int channels = node->out.channels;
  CommitParams p = {};
  p.grid = node->grid;
  p.cells = make_cells(node->gate, channels, channels % 4 ? 1 : 4);
  Bindings bindings = {{&p.grid.active, input(0)}, {&p.fresh, node->target}, {&p.out, output(0)}};
  if (node->gate.weights(channels)) bindings.push_back({&p.cells.weights, node->weights()});
  if (n_outputs > 1) bindings.push_back({&p.changed, output(1)});
  node->builder.launch(std::string("commit") + suffix(node->dtype), static_cast<int64_t>(p.grid.rows) * p.grid.columns,
                       kWarps, active_shared_bytes(p.grid), p, bindings);
}

}  // namespace cuda
}  // namespace patchskip
