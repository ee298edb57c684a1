// Image: the picture's active patches, normalised, in the network's type. A thread takes a pixel: its channels are few.
#pragma once
#include "active.cuh"
#include "finish.cuh"
#include "image_params.h"
#include "picture.cuh"

namespace patchskip {
namespace cuda {

template <typename T>
PS_DEVICE void import_image(const ImageParams& p) {
  const ActiveSet set = rank_active(p.grid);
  const int slots = set.count * static_cast<int>(p.grid.by_area.divisor), last = first_unit(slots, block_index() + 1);
  T* out = static_cast<T*>(p.out);
  for (int slot = first_unit(slots, block_index()) + thread_index(); slot < last; slot += thread_count()) {
    const Place place = place_of_slot(p.grid, set, slot);
    if (!place.inside) continue;
    const long long at = (static_cast<long long>(place.y) * p.grid.width + place.x) * p.channels;
    for (int c = 0; c < p.channels; ++c) {
      store(out + at + c, finished<T>(p.finish, picture_value(p.picture, place.y, place.x, c), c, at + c));
    }
  }
}

}  // namespace cuda
}  // namespace patchskip
