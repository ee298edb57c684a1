// The pixels of several tensors one after the other: each is copied when a patch of the first tensor that it covers is
// active.
#pragma once
#include "finish.cuh"
#include "flatten_params.h"

namespace patchskip {
namespace cuda {

struct Cover {
  int first, last;  // patches
};

// Of pixel i of n, over `base` pixels of the first tensor.
PS_DEVICE Cover covered(int i, int n, int base, int patch, int patches) {
  const int first = static_cast<int>(static_cast<long long>(i) * base / n) / patch;
  const int last = static_cast<int>((static_cast<long long>(i) * base + base - 1) / n) / patch;
  return {first < patches ? first : patches - 1, last < patches ? last : patches - 1};
}

PS_DEVICE bool covers_active(const FlattenParams& p, const Level& level, int y, int x) {
  const Cover down = covered(y, level.height, p.levels[0].height, p.patch, p.rows);
  const Cover across = covered(x, level.width, p.levels[0].width, p.patch, p.columns);
  int found = 0;
  for (int row = down.first; row <= down.last; ++row) {
    for (int column = across.first; column <= across.last; ++column) found |= load(p.active + row * p.columns + column);
  }
  return found != 0;
}

template <typename T>
PS_DEVICE void flatten(const FlattenParams& p) {
  const int group = thread_count() / p.lanes, lane = thread_index() % p.lanes;
  T* out = static_cast<T*>(p.out);
  for (int i = block_index() * group + thread_index() / p.lanes; i < p.pixels; i += block_count() * group) {
    int k = 0;
    while (k + 1 < p.count && i >= p.levels[k + 1].first) ++k;
    const Level& level = p.levels[k];
    const int pixel = i - level.first, y = level.by_width.quotient(pixel), x = pixel - y * level.width;
    if (!covers_active(p, level, y, x)) continue;
    const T* from = static_cast<const T*>(level.x) + static_cast<long long>(pixel) * p.channels;
    const long long at = static_cast<long long>(i) * p.channels;
    for (int c = lane; c < p.channels; c += p.lanes) store(out + at + c, activate(p.finish, load(from + c), c));
  }
}

}  // namespace cuda
}  // namespace patchskip
