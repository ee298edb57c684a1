// MaxPool and AveragePool.
#include "cuda/device/pool_params.h"
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {

namespace {

// With a thread for each of so few pixels the GPU would idle: the means over a whole tensor of squeeze-and-excitation.
bool large_windows(const Window& w, int64_t work) { return w.kernel_h * w.kernel_w >= 64 && work < 4096; }

}  // namespace

void plan_pool(SkipNode* node) {
  node->expect_own(1);
  const WindowAttributes shape(node->attributes);
  expect(shape.kernel_given, "kernel_shape is required");
  const Plane in = node->plane(0);
  expect(in.channels == node->out.channels, "X is " + shape_text(node->inputs[2]) + "; cache has other channels");
  PoolParams p = {};
  p.grid = node->grid;
  p.in_height = in.height;
  p.in_width = in.width;
  p.channels = in.channels;
  p.window = shape.window;
  p.average = node->op_type == "AveragePool";
  p.count_pad = node->attributes.integer("count_include_pad", 0) != 0;
  p.padded_height = in.height + p.window.pad_top + shape.pad_bottom;
  p.padded_width = in.width + p.window.pad_left + shape.pad_right;
  p.by_vectors = make_divisor(vectors(p.channels));
  p.finish = node->finish(0);
  Bindings bindings = node->bindings(p.finish, p.grid);
  bindings.push_back({&p.x, input(2)});
  bindings.push_back({&p.out, node->target});
  const std::string type = suffix(node->dtype, p.channels);
  const int shared = active_shared_bytes(p.grid);
  if (large_windows(p.window, node->out.pixels() * vectors(p.channels))) {
    const int pieces = (vectors(p.channels) + kPoolVectors - 1) / kPoolVectors;
    p.by_pieces = make_divisor(pieces);
    node->builder.launch("pool_large" + type, slots(p.grid) * pieces, 1, shared, p, bindings);
  } else {
    node->builder.launch("pool" + type, slots(p.grid) * vectors(p.channels), 256, shared, p, bindings);
  }
}

}  // namespace cuda
}  // namespace patchskip
