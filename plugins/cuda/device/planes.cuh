// A tensor's active pixels, NHWC, to the planes of their channels. A warp takes the same channels of 32 pixels, so that
// it writes runs of each plane; what it leaves of a line that it reads is the next warp's.
#pragma once
#include "channels.cuh"
#include "planes_params.h"

namespace patchskip {
namespace cuda {

template <typename T, int n>
PS_DEVICE void planes(const PlanesParams& p) {
  const ActiveSet set = rank_active(p.grid);
  const T* x = static_cast<const T*>(p.x);
  const long long plane = static_cast<long long>(p.grid.height) * p.grid.width;
  const int warp = thread_index() / 32, lane = thread_index() % 32, warps = thread_count() / 32;
  const int slots = set.count * static_cast<int>(p.grid.by_area.divisor);
  const int vectors = p.by_vectors.divisor, units = (slots + 31) / 32 * vectors;
  const int last = first_unit(units, block_index() + 1);
  for (int unit = first_unit(units, block_index()) + warp; unit < last; unit += warps) {
    const int run = p.by_vectors.quotient(unit), channel = (unit - run * vectors) * n, slot = run * 32 + lane;
    if (slot >= slots) continue;
    const Place place = place_of_slot(p.grid, set, slot);
    if (!place.inside) continue;
    Vec<n> value[1] = {Channels<n>::load(x + index_of(place, p.grid.width, p.channels, channel))};
    activate(p.finish, channel, value);
    T* out = static_cast<T*>(p.out) + channel * plane + index_of(place, p.grid.width, 1, 0);
#pragma unroll
    for (int i = 0; i < n; ++i) store(out + i * plane, value[0].v[i]);
  }
}

}  // namespace cuda
}  // namespace patchskip
