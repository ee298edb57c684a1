// The active patches of a grid by their rank in raster order, found by each block for itself: the mask is a few
// kilobytes and lies in the second-level cache, so that reading it costs less than another launch, and no list, count
// or synchronisation leaves the device.
#pragma once
#include "device.h"

namespace patchskip {
namespace cuda {

struct ActiveSet {
  const unsigned* bits;  // one for each patch
  const int* before;     // active patches before each word of bits
  int words, count;
};

struct Place {  // of an output pixel
  int patch, y, x;
  bool inside;  // patches at the border are cut
};

// Words of 32 patches; ActiveSet takes active_shared_bytes(words) of dynamic shared memory (plan.h).
PS_DEVICE int mask_words(const Grid& g) { return (g.rows * g.columns + 31) / 32; }

// What rank_active has found.
PS_DEVICE ActiveSet active_set(const Grid& g, const char* shared = dynamic_shared()) {
  const unsigned* bits = reinterpret_cast<const unsigned*>(shared);
  const int words = mask_words(g), *before = reinterpret_cast<const int*>(bits + words);
  return {bits, before, words, before[words]};
}

// For all threads of the block, whose number is a multiple of 32. Ends with a barrier.
PS_DEVICE ActiveSet rank_active(const Grid& g, char* shared = dynamic_shared()) {
  const int patches = g.rows * g.columns, words = mask_words(g);
  unsigned* bits = reinterpret_cast<unsigned*>(shared);
  int* before = reinterpret_cast<int*>(bits + words);
  const int warp = thread_index() / 32, lane = thread_index() % 32, warps = thread_count() / 32;
  constexpr int kAtOnce = 8;  // words: their loads wait for memory together
  for (int first = warp; first < words; first += kAtOnce * warps) {
    int values[kAtOnce];
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) {
      const int i = (first + j * warps) * 32 + lane;
      values[j] = i < patches ? load(g.active + i) : 0;
    }
#pragma unroll
    for (int j = 0; j < kAtOnce; ++j) {
      const unsigned found = ballot(values[j] != 0);
      if (lane == 0 && first + j * warps < words) bits[first + j * warps] = found;
    }
  }
  sync_threads();
  if (warp == 0) {  // the running sum, 32 words at a time
    int total = 0;
    for (int first = 0; first < words; first += 32) {
      const int w = first + lane;
      const int own = w < words ? bits_set(bits[w]) : 0;
      int sum = own;
      for (int step = 1; step < 32; step *= 2) {
        const int other = shuffle_up(sum, step);
        sum += lane >= step ? other : 0;
      }
      if (w < words) before[w] = total + sum - own;
      total += shuffle(sum, 31);
    }
    if (lane == 0) before[words] = total;
  }
  sync_threads();
  return active_set(g, shared);
}

// The patch of a rank below `count`.
PS_DEVICE int patch_of_rank(const ActiveSet& set, int rank) {
  int low = 0, high = set.words;  // before[low] <= rank < before[high]
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (set.before[middle] <= rank) {
      low = middle;
    } else {
      high = middle;
    }
  }
  unsigned bits = set.bits[low];
  int left = rank - set.before[low], at = 0;
  for (int half_width = 16; half_width; half_width /= 2) {
    const int lower = bits_set(bits & ((1u << half_width) - 1u));
    if (left >= lower) {
      left -= lower;
      at += half_width;
      bits >>= half_width;
    }
  }
  return low * 32 + at;
}

// Slots number the pixels of the active patches: patch * patch of them each, those cut at the border included.
PS_DEVICE Place place_of_slot(const Grid& g, const ActiveSet& set, int slot) {
  const int rank = g.by_area.quotient(slot);
  const int within = slot - rank * static_cast<int>(g.by_area.divisor);
  const int patch = patch_of_rank(set, rank);
  const int row = g.by_columns.quotient(patch), down = g.by_patch.quotient(within);
  const int y = row * g.patch + down, x = (patch - row * g.columns) * g.patch + within - down * g.patch;
  return {patch, y, x, y < g.height && x < g.width};
}

// This block's share [first, last) of `units` pieces of work.
PS_DEVICE int first_unit(int units, int block) {
  return static_cast<int>(static_cast<long long>(units) * block / block_count());
}

}  // namespace cuda
}  // namespace patchskip
