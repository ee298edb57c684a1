#include "cuda/emulation/fibers.h"

#include <ucontext.h>

#include <csetjmp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace patchskip {
namespace cuda {
namespace emulation {
namespace {

constexpr size_t kStack = 256 * 1024, kFence = 256, kAlignment = 128;  // bytes
constexpr int kLanes = 32;

enum class State { kReady, kAtWarp, kAtBlock, kDone };

struct Fiber {
  std::unique_ptr<char[]> stack;
  ucontext_t context;
  jmp_buf at;
  bool started = false;
  State state = State::kDone;
};

struct Warp {
  char lanes[2][kLanes * kMostExchanged];  // of one exchange and of the one before
  int parity;
};

struct Machine {
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  Current now = {};
  Kernel kernel = nullptr;
  const void* params = nullptr;
  jmp_buf scheduler;
  ucontext_t origin;
  std::string error;
};

Machine& machine() {
  thread_local Machine m;
  return m;
}

// A fiber lives on from kernel to kernel: making one costs more than most kernels.
void fiber_main() {
  Machine& m = machine();
  for (;;) {
    m.kernel(m.params);
    Fiber& self = m.fibers[m.now.thread];
    self.state = State::kDone;
    if (!_setjmp(self.at)) _longjmp(m.scheduler, 1);
  }
}

void resume(int thread) {
  Machine& m = machine();
  m.now.thread = thread;
  Fiber& fiber = m.fibers[thread];
  if (_setjmp(m.scheduler)) return;
  if (fiber.started) _longjmp(fiber.at, 1);
  fiber.started = true;
  fiber.stack.reset(new char[kStack]);
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStack;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, fiber_main, 0);
  setcontext(&fiber.context);
}

void wait(State state) {
  Machine& m = machine();
  Fiber& self = m.fibers[m.now.thread];
  self.state = state;
  if (!_setjmp(self.at)) _longjmp(m.scheduler, 1);
}

// Runs the warp until all of its threads wait for the block or are done; -> false when they wait for each other.
bool run_warp(int first, int end, bool last_first) {
  Machine& m = machine();
  for (;;) {
    for (int i = first; i < end && m.error.empty(); ++i) {
      const int thread = last_first ? end - 1 - (i - first) : i;
      if (m.fibers[thread].state == State::kReady) resume(thread);
    }
    if (!m.error.empty()) return false;
    int waiting = 0;
    for (int i = first; i < end; ++i) waiting += m.fibers[i].state == State::kAtWarp;
    if (!waiting) return true;
    if (waiting != kLanes) {
      m.error = "a warp's threads diverged at an exchange: " + std::to_string(waiting) + " of 32 came";
      return false;
    }
    m.warps[first / kLanes].parity ^= 1;
    for (int i = first; i < end; ++i) m.fibers[i].state = State::kReady;
  }
}

bool run_block(bool last_first) {
  Machine& m = machine();
  const int threads = m.now.threads, warps = (threads + kLanes - 1) / kLanes;
  for (int i = 0; i < threads; ++i) m.fibers[i].state = State::kReady;
  for (;;) {
    for (int i = 0; i < warps; ++i) {
      const int warp = last_first ? warps - 1 - i : i, first = warp * kLanes;
      if (!run_warp(first, first + kLanes < threads ? first + kLanes : threads, last_first)) return false;
    }
    int waiting = 0;
    for (int i = 0; i < threads; ++i) waiting += m.fibers[i].state == State::kAtBlock;
    if (!waiting) return true;
    if (waiting != threads) {
      m.error =
          "threads diverged at a barrier: " + std::to_string(waiting) + " of " + std::to_string(threads) + " came";
      return false;
    }
    for (int i = 0; i < threads; ++i) m.fibers[i].state = State::kReady;
  }
}

}  // namespace

const Current& current() { return machine().now; }

void wait_for_block() { wait(State::kAtBlock); }

const char* exchange(const void* value, size_t size) {
  Machine& m = machine();
  const int thread = m.now.thread;
  Warp& warp = m.warps[thread / kLanes];
  char* lanes = warp.lanes[warp.parity];
  if (size > kMostExchanged) fail("a value too large is exchanged");
  std::memcpy(lanes + thread % kLanes * kMostExchanged, value, size);
  wait(State::kAtWarp);
  return lanes;
}

void fail(const char* what) {
  Machine& m = machine();
  m.error = what;
  _longjmp(m.scheduler, 1);
}

const char* run(Kernel kernel, const void* params, int blocks, int threads, int shared_bytes, bool last_first) {
  Machine& m = machine();
  if (threads < 1 || threads > kMostThreads) return "a block has 1 to 1024 threads";
  if (static_cast<int>(m.fibers.size()) < threads) {
    m.fibers = std::vector<Fiber>(kMostThreads);
    m.warps = std::vector<Warp>(kMostThreads / kLanes);
  }
  const size_t size = shared_bytes + 2 * kFence;
  std::vector<char> memory(size + kAlignment);
  char* fence = memory.data() + kAlignment - reinterpret_cast<uintptr_t>(memory.data()) % kAlignment;
  m.kernel = kernel;
  m.params = params;
  m.error.clear();
  for (int i = 0; i < blocks; ++i) {
    const int block = last_first ? blocks - 1 - i : i;
    std::memset(fence, 0xff, size);
    m.now = {0, threads, block, blocks, fence + kFence};
    if (!run_block(last_first)) break;
    for (size_t j = 0; j < kFence && m.error.empty(); ++j) {
      if (fence[j] != '\xff' || fence[kFence + shared_bytes + j] != '\xff')
        m.error = "it wrote beyond its shared memory";
    }
    if (!m.error.empty()) break;
  }
  if (m.error.empty()) return nullptr;
  m.fibers.clear();  // those that wait will not be resumed
  return m.error.c_str();
}

}  // namespace emulation
}  // namespace cuda
}  // namespace patchskip
