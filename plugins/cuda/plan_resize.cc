// Resize.
#include "common/resize_attributes.h"
#include "cuda/device/resize_params.h"
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {

void plan_resize(SkipNode* node) {
  node->expect_own(1);
  const ResizeAttributes attributes(node->attributes);
  const Plane in = node->plane(0);
  expect(in.channels == node->out.channels, "X is " + shape_text(node->inputs[2]) + "; cache has other channels");
  ResizeParams p = {};
  p.grid = node->grid;
  p.in_height = in.height;
  p.in_width = in.width;
  p.channels = in.channels;
  p.linear = attributes.linear();
  p.rows = attributes.axis(in.height, node->out.height);
  p.columns = attributes.axis(in.width, node->out.width);
  p.by_vectors = make_divisor(vectors(p.channels));
  p.finish = node->finish(0);
  Bindings bindings = node->bindings(p.finish, p.grid);
  bindings.push_back({&p.x, input(2)});
  bindings.push_back({&p.out, node->target});
  node->builder.launch("resize" + suffix(node->dtype, p.channels), slots(p.grid) * p.by_vectors.divisor, 256,
                       active_shared_bytes(p.grid), p, bindings);
}

}  // namespace cuda
}  // namespace patchskip
