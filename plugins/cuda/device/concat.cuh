// Tensors joined on channels. Four channels that a thread takes lie in one of them.
#pragma once
#include "channels.cuh"
#include "concat_params.h"

namespace patchskip {
namespace cuda {

// Without an index that is known at run time only: parameters would be copied to memory for it.
PS_DEVICE ConcatInput input_of(const ConcatParams& p, int channel) {
  ConcatInput found = p.inputs[0];
#pragma unroll
  for (int i = 1; i < kMostConcatInputs; ++i) {
    if (i >= p.count) break;
    if (channel >= p.inputs[i].first) found = p.inputs[i];
  }
  return found;
}

template <typename T, int n>
PS_DEVICE void concat(const ConcatParams& p) {
  for_each_vector<n>(p.grid, p.by_vectors, [&](const Place& place, int channel) {
    const ConcatInput input = input_of(p, channel);
    const long long from = index_of(place, p.grid.width, input.channels, channel - input.first);
    const Vec<n> value = Channels<n>::load(static_cast<const T*>(input.x) + from);
    const long long at = index_of(place, p.grid.width, p.channels, channel);
    Channels<n>::finish(p.finish, value, channel, at, static_cast<T*>(p.out));
  });
}

}  // namespace cuda
}  // namespace patchskip
