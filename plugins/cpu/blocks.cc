#include "blocks.h"

namespace patchskip {
int list_blocks(const Kernels& kernels, const int32_t* mask, int patch, const Plane& plane, int most_pixels,
                std::vector<Block>* blocks) {
  blocks->clear();
  int pixels = 0;
  const int rows = (plane.height + patch - 1) / patch, columns = (plane.width + patch - 1) / patch;
  const int most = most_pixels / (patch * patch) > 0 ? most_pixels / (patch * patch) : 1;
  thread_local std::vector<uint64_t> words;
  words.resize(static_cast<size_t>(rows) * mask_words(columns));
  kernels.mask_bits(mask, rows, columns, words.data());
  const uint64_t* next = words.data();
  for (int y = 0; y < plane.height; y += patch) {
    const int y1 = y + patch < plane.height ? y + patch : plane.height;
    for (int word = 0; word < columns; word += 64) {
      uint64_t bits = *next++;
      while (bits) {
        const int skipped = __builtin_ctzll(bits);
        const uint64_t rest = ~(bits >> skipped);
        const int run = rest ? __builtin_ctzll(rest) : 64;  // 64: all of them, and skipped is 0
        const int end = word + skipped + run;
        for (int first = word + skipped; first < end; first += most) {
          const int last = first + most < end ? first + most : end;
          const int x1 = last * patch < plane.width ? last * patch : plane.width;
          blocks->push_back({y, y1, first * patch, x1});
          pixels += blocks->back().pixels();
        }
        bits = skipped + run < 64 ? bits >> (skipped + run) << (skipped + run) : 0;
      }
    }
  }
  return pixels;
}

void list_units(const std::vector<Block>& blocks, int pixels, int shares, int each, std::vector<int>* starts) {
  const int last_ones = 4;  // become smaller
  const auto weight = [=](int left) { return left < last_ones ? left : last_ones; };
  int total = 0;
  for (int left = each; left > 0; --left) total += weight(left);

  starts->clear();
  int done = 0, begun = 0;  // pixels that are listed; the first of the next unit
  for (int i = 0, unit = 0, weights = 0; i < static_cast<int>(blocks.size()); ++i) {
    if (done >= begun) starts->push_back(i);
    for (; done >= begun; ++unit) {
      if (unit % each == 0) weights = 0;
      weights += weight(each - unit % each);
      begun = static_cast<int>(static_cast<int64_t>(pixels) * (unit / each * total + weights) / (shares * total));
    }
    done += blocks[i].pixels();
  }
  starts->push_back(static_cast<int>(blocks.size()));
}

}  // namespace patchskip
