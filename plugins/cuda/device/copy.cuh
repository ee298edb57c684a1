// Memory as it is: Y begins as the cache where the two differ, `changed` is `active` where there is no gate.
#pragma once
#include "copy_params.h"
#include "device.h"

namespace patchskip {
namespace cuda {

PS_DEVICE void copy_words(const CopyParams& p) {
  const int* from = static_cast<const int*>(p.from);
  int* to = static_cast<int*>(p.to);
  const long long words = p.bytes / 4, step = static_cast<long long>(block_count()) * thread_count();
  for (long long i = static_cast<long long>(block_index()) * thread_count() + thread_index(); i < words; i += step) {
    to[i] = load(from + i);
  }
  if (block_index() == 0 && thread_index() < p.bytes % 4) {
    const long long at = words * 4 + thread_index();
    static_cast<unsigned char*>(p.to)[at] = load(static_cast<const unsigned char*>(p.from) + at);
  }
}

}  // namespace cuda
}  // namespace patchskip
