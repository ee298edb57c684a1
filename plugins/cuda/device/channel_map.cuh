// Each channel of the output is a channel of the input, or 0.
#pragma once
#include "channel_map_params.h"
#include "channels.cuh"

namespace patchskip {
namespace cuda {

template <typename T, int n>
PS_DEVICE void channel_map(const ChannelMapParams& p) {
  for_each_vector<n>(p.grid, p.by_vectors, [&](const Place& place, int channel) {
    const T* x = static_cast<const T*>(p.x) + index_of(place, p.grid.width, p.in_channels, 0);
    Vec<n> value;
#pragma unroll
    for (int i = 0; i < n; ++i) {
      const int from = load(p.from + channel + i);
      value.v[i] = from < 0 ? 0.0f : load(x + from);
    }
    const long long at = index_of(place, p.grid.width, p.channels, channel);
    Channels<n>::finish(p.finish, value, channel, at, static_cast<T*>(p.out));
  });
}

}  // namespace cuda
}  // namespace patchskip
