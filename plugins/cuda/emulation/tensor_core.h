// The names of device/tensor_core.h on the host. A lane has half a row of a matrix.
#pragma once
#include <deque>
#include <vector>

#include "cuda/device/device.h"

namespace patchskip {
namespace cuda {

struct HalfMatrix {
  half v[8];
};
struct SumMatrix {
  float v[8];
};

PS_DEVICE void load_left(const half* rows, int pitch, HalfMatrix* to) {
  if (reinterpret_cast<uintptr_t>(rows) % 32 || pitch % 8) emulation::fail("a matrix is not aligned");
  const int lane = thread_index() % 32;
  std::memcpy(to->v, rows + lane / 2 * pitch + lane % 2 * 8, sizeof(to->v));
}
PS_DEVICE void load_right(const half* rows, int pitch, HalfMatrix* to) { load_left(rows, pitch, to); }

PS_DEVICE void add_product(const HalfMatrix& left, const HalfMatrix& right, SumMatrix* sum) {
  const HalfMatrix own[2] = {left, right};
  const char* lanes = emulation::exchange(own, sizeof(own));
  const auto value = [&](int which, int row, int column) {
    const char* from = lanes + (row * 2 + column / 8) * emulation::kMostExchanged;
    return load(reinterpret_cast<const HalfMatrix*>(from)[which].v + column % 8);
  };
  const int row = thread_index() % 32 / 2, first = thread_index() % 2 * 8;
  for (int k = 0; k < 16; ++k) {
    for (int i = 0; i < 8; ++i) sum->v[i] += value(0, row, k) * value(1, k, first + i);
  }
}

PS_DEVICE void store_sums(const SumMatrix& sum, float* rows, int pitch) {
  const int lane = thread_index() % 32;
  std::memcpy(rows + lane / 2 * pitch + lane % 2 * 8, sum.v, sizeof(sum.v));
}

// Copies take place as late as they may.
struct Copy {
  const half* from;
};
typedef std::vector<std::pair<Copy, half*>> Copies;

struct CopyQueue {
  std::deque<Copies> groups = {{}};  // the last is still open
};

PS_DEVICE CopyQueue& copy_queue() {
  static CopyQueue queues[emulation::kMostThreads];
  return queues[thread_index()];
}

PS_DEVICE void begin_copy(const half* from, half* to, Copy* copy) {
  if (reinterpret_cast<uintptr_t>(from) % 16 || reinterpret_cast<uintptr_t>(to) % 16) {
    emulation::fail("eight halves are not aligned");
  }
  copy->from = from;
  copy_queue().groups.back().push_back({*copy, to});
}
PS_DEVICE void end_copy(const Copy&, half*) {}
PS_DEVICE void group_copies() { copy_queue().groups.emplace_back(); }

template <int kLeft>
PS_DEVICE void wait_copies() {
  std::deque<Copies>& groups = copy_queue().groups;
  for (; groups.size() > kLeft + 1; groups.pop_front()) {
    for (const auto& copy : groups.front()) {
      if (copy.first.from) {
        std::memcpy(copy.second, copy.first.from, 16);
      } else {
        std::memset(copy.second, 0, 16);
      }
    }
  }
}

}  // namespace cuda
}  // namespace patchskip
