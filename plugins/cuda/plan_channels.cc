// Concat and ChannelMap. ChannelMap's constants: its channels, as int32.
#include <cstring>

#include "cuda/device/channel_map_params.h"
#include "cuda/device/concat_params.h"
#include "cuda/planner.h"

namespace patchskip {
namespace cuda {

Plane joined_plane(const SkipNode& node) {
  expect(node.own <= kMostConcatInputs,
         std::to_string(node.own) + " inputs; at most " + std::to_string(kMostConcatInputs) + " are possible");
  Plane joined = node.out;
  joined.channels = 0;
  for (int i = 0; i < node.own; ++i) {
    expect_tensor("an input", node.inputs[2 + i], node.dtype, {1, joined.height, joined.width, -1});
    joined.channels += node.plane(i).channels;
  }
  return joined;
}

void launch_concat(SkipNode* node, const Address& target, const Finish& finish, int64_t slopes) {
  ConcatParams p = {};
  p.grid = node->grid;
  p.count = node->own;
  p.finish = finish;
  Bindings bindings = node->bindings(p.finish, p.grid, slopes);
  int all = 0;  // a multiple of four when every tensor's channels are
  for (int i = 0; i < node->own; ++i) {
    ConcatInput& from = p.inputs[i];
    from.first = p.channels;
    from.channels = node->plane(i).channels;
    p.channels += from.channels;
    all |= from.channels;
    bindings.push_back({&from.x, input(2 + i)});
  }
  bindings.push_back({&p.out, target});
  p.by_vectors = make_divisor(all % 4 ? p.channels : p.channels / 4);
  node->builder.launch("concat" + suffix(node->dtype, all), slots(p.grid) * p.by_vectors.divisor, 256,
                       active_shared_bytes(p.grid), p, bindings);
}

void plan_concat(SkipNode* node) {
  const int channels = joined_plane(*node).channels;
  expect(channels == node->out.channels, "the inputs have " + std::to_string(channels) +
                                             " channels together; cache has " + std::to_string(node->out.channels));
  launch_concat(node, node->target, node->finish(0), -1);
}

void plan_channel_map(SkipNode* node) {
  node->expect_own(1);
  expect_tensor("X", node->inputs[2], node->dtype, {1, node->out.height, node->out.width, -1});
  const std::vector<int> channels = node->attributes.ints("channels", {});
  ChannelMapParams p = {};
  p.grid = node->grid;
  p.in_channels = node->plane(0).channels;
  p.channels = node->out.channels;
  expect(static_cast<int>(channels.size()) == p.channels, "channels has " + std::to_string(channels.size()) +
                                                              " values; cache has " + std::to_string(p.channels) +
                                                              " channels");
  for (int from : channels) {
    expect(from >= -1 && from < p.in_channels,
           "channels names channel " + std::to_string(from) + "; X has " + std::to_string(p.in_channels));
  }
  p.by_vectors = make_divisor(vectors(p.channels));
  p.finish = node->finish(p.channels);
  Bindings bindings = node->bindings(p.finish, p.grid);
  bindings.push_back({&p.x, input(2)});
  bindings.push_back({&p.from, input(node->constants)});
  bindings.push_back({&p.out, node->target});
  node->builder.launch("channel_map" + suffix(node->dtype, p.channels), slots(p.grid) * p.by_vectors.divisor, 256,
                       active_shared_bytes(p.grid), p, bindings);
}

void pack_channel_map(const Attributes& a, const Tensor*, int, ps_dtype, Constants* constants) {
  static_assert(sizeof(int) == sizeof(float), "a word holds either");
  const std::vector<int> channels = a.ints("channels", {});
  constants->words.resize(channels.size());
  if (!channels.empty()) std::memcpy(constants->words.data(), channels.data(), channels.size() * sizeof(int));
}

}  // namespace cuda
}  // namespace patchskip
