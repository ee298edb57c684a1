// Image.
#include "common/image_attributes.h"
#include "cuda/device/image_params.h"
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {

void plan_image(SkipNode* node) {
  node->expect_own(1);
  const ImageAttributes attributes(node->attributes);
  const Tensor& x = node->inputs[2];
  const Plane plane = attributes.plane(x);
  expect(plane.height == node->out.height && plane.width == node->out.width && plane.channels == node->out.channels,
         "X is " + shape_text(x) + "; cache has another size");
  ImageParams p = {};
  p.grid = node->grid;
  p.picture = make_picture(attributes.image(x, plane));
  p.channels = plane.channels;
  p.finish = node->finish(0);
  Bindings bindings = node->bindings(p.finish, p.grid);
  bindings.push_back({&p.picture.x, input(2)});
  bindings.push_back({&p.out, node->target});
  node->builder.launch(std::string("image") + suffix(node->dtype), slots(p.grid), 256, active_shared_bytes(p.grid), p,
                       bindings);
}

}  // namespace cuda
}  // namespace patchskip
