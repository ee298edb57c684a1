#include "blocks.h"

namespace patchskip {
namespace {

// Rows of a mask are mostly empty: look at sixteen patches at a time.
inline bool any(const int32_t* mask, int count) {
  int32_t found = 0;
  for (int i = 0; i < count; ++i) found |= mask[i];
  return found != 0;
}

}  // namespace

void list_blocks(const int32_t* mask, int patch, const Plane& plane, int most_pixels, std::vector<Block>* blocks) {
  blocks->clear();
  const int columns = (plane.width + patch - 1) / patch;
  const int most = most_pixels / (patch * patch) > 0 ? most_pixels / (patch * patch) : 1;
  for (int y = 0, row = 0; y < plane.height; y += patch, ++row, mask += columns) {
    if (!any(mask, columns)) continue;
    const int y1 = y + patch < plane.height ? y + patch : plane.height;
    for (int i = 0; i < columns; ++i) {
      if (!mask[i]) continue;
      const int first = i;
      while (i + 1 < columns && mask[i + 1] && i + 1 - first < most) ++i;
      const int x1 = (i + 1) * patch < plane.width ? (i + 1) * patch : plane.width;
      blocks->push_back({row, first, i + 1, y, y1, first * patch, x1});
    }
  }
}

void list_units(const std::vector<Block>& blocks, int per_unit, std::vector<int>* starts) {
  starts->clear();
  int pixels = per_unit;
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (pixels >= per_unit) {
      starts->push_back(static_cast<int>(i));
      pixels = 0;
    }
    pixels += blocks[i].pixels();
  }
  starts->push_back(static_cast<int>(blocks.size()));
}

}  // namespace patchskip
