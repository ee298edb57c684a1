// What lies between two operators that are one node: never a tensor, but memory of the thread's own that stays in its
// core's cache.
#pragma once
#include <vector>

#include "kernels.h"

namespace patchskip {

// The same segments with `channels` channels, one after the other in that memory. Until the thread's next call.
inline const std::vector<Segment>& between(const Segment* segments, int count, int channels) {
  constexpr uintptr_t kLine = 64;  // bytes
  thread_local std::vector<float> values;
  thread_local std::vector<Segment> made;
  ptrdiff_t size = kLine / sizeof(float);
  for (int i = 0; i < count; ++i) size += static_cast<ptrdiff_t>(segments[i].x1 - segments[i].x0) * channels;
  if (static_cast<ptrdiff_t>(values.size()) < size) values.resize(size);
  float* next = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(values.data()) + kLine - 1) / kLine * kLine);
  made.clear();
  for (int i = 0; i < count; ++i) {
    made.push_back({segments[i].y, segments[i].x0, segments[i].x1, next});
    next += static_cast<ptrdiff_t>(segments[i].x1 - segments[i].x0) * channels;
  }
  return made;
}

}  // namespace patchskip
