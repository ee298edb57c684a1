// MaxPool and AveragePool.
#include "cuda/device/pool_params.h"
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {

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
  node->builder.launch("pool" + suffix(node->dtype, p.channels), slots(p.grid) * p.by_vectors.divisor, 256,
                       active_shared_bytes(p.grid), p, bindings);
}

}  // namespace cuda
}  // namespace patchskip
