// Add, Mul and Identity.
#include "cuda/device/pointwise_params.h"
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {

void plan_pointwise(SkipNode* node) {
  const bool one = node->op_type == "Identity";
  node->expect_own(one ? 1 : 2);
  for (int i = 0; i < node->own; ++i) {
    expect_tensor(i ? "B" : "A", node->inputs[2 + i], node->dtype,
                  {1, node->out.height, node->out.width, node->out.channels});
  }
  PointwiseParams p = {};
  p.grid = node->grid;
  p.channels = node->out.channels;
  p.kind = one ? kIdentity : node->op_type == "Add" ? kAdd : kMul;
  p.by_vectors = make_divisor(vectors(p.channels));
  p.finish = node->finish(0);
  Bindings bindings = node->bindings(p.finish, p.grid);
  bindings.push_back({&p.a, input(2)});
  if (!one) bindings.push_back({&p.b, input(3)});
  bindings.push_back({&p.out, node->target});
  node->builder.launch("pointwise" + suffix(node->dtype, p.channels), slots(p.grid) * p.by_vectors.divisor, 256,
                       active_shared_bytes(p.grid), p, bindings);
}

}  // namespace cuda
}  // namespace patchskip
