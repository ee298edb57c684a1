// Flatten.
#include "cuda/device/flatten_params.h"
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {

void plan_flatten(SkipNode* node) {
  expect(node->own <= kMostLevels, std::to_string(node->own) + " inputs; at most 16 are possible");
  FlattenParams p = {};
  p.channels = node->out.channels;
  p.patch = node->gate.patch;
  p.count = node->own;
  Bindings bindings = {{&p.active, input(0)}, {&p.out, output(0)}};
  for (int i = 0; i < node->own; ++i) {
    expect_tensor("an input", node->inputs[2 + i], node->dtype, {1, -1, -1, p.channels});
    const Plane plane = node->plane(i);
    Level& level = p.levels[i];
    level.height = plane.height;
    level.width = plane.width;
    level.first = p.pixels;
    level.by_width = make_divisor(plane.width);
    p.pixels += static_cast<int>(plane.pixels());
    bindings.push_back({&level.x, input(2 + i)});
  }
  expect(p.pixels == node->out.width,
         "the inputs have " + std::to_string(p.pixels) + " pixels together; cache is " + shape_text(node->inputs[1]));
  p.rows = patches(p.levels[0].height, p.patch);
  p.columns = patches(p.levels[0].width, p.patch);
  expect_tensor("active", node->inputs[0], PS_INT32, {p.rows, p.columns});
  p.lanes = 1;
  while (p.lanes < 32 && p.lanes < p.channels) p.lanes *= 2;
  p.finish = node->finish(0);
  for (const Binding& binding : node->finish_bindings(p.finish)) bindings.push_back(binding);
  node->builder.launch(std::string("flatten") + suffix(node->dtype), static_cast<int64_t>(p.pixels) * p.lanes, 256, 0,
                       p, bindings);
}

}  // namespace cuda
}  // namespace patchskip
