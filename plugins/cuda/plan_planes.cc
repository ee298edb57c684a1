// Planes.
#include "cuda/device/planes_params.h"
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {

void plan_planes(SkipNode* node) {
  node->expect_own(1);
  expect_tensor("X", node->inputs[2], node->dtype, {1, node->out.height, node->out.width, node->out.channels});
  PlanesParams p = {};
  p.grid = node->grid;
  p.channels = node->out.channels;
  p.by_vectors = make_divisor(vectors(p.channels));
  p.finish = node->finish(0);
  Bindings bindings = node->bindings(p.finish, p.grid);
  bindings.push_back({&p.x, input(2)});
  bindings.push_back({&p.out, output(0)});
  node->builder.launch("planes" + suffix(node->dtype, p.channels), slots(p.grid) * p.by_vectors.divisor, 256,
                       active_shared_bytes(p.grid), p, bindings);
}

}  // namespace cuda
}  // namespace patchskip
