#include "threads.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

namespace patchskip {
namespace {

// How long a worker waits awake: longer than the gaps within a frame, and not into those between frames, in which
// others, such as OpenCV's threads, need its core. To be woken then costs less than they lose.
constexpr std::chrono::microseconds kAwake(100);
constexpr int kPauses = 64;  // between looks at the clock

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

constexpr int kMostThreads = 64;

// A loop as its threads see it. All that a worker needs to begin lies on the one cache line that it watches, and what a
// thread counts with on one of its own: at this grain, lines that travel between cores are what a loop costs.
class Pool {
 public:
  // Only one loop runs on the workers at a time; a caller that finds them busy runs its loop alone, and so does one for
  // whom the system has no more threads.
  bool run(int workers, int count, void (*body)(void*, int), void* context) {
    if (taken_.exchange(true, std::memory_order_acquire)) return false;
    if (!grow(workers)) {
      taken_.store(false, std::memory_order_release);
      return false;
    }
    body_ = body;
    context_ = context;
    count_ = count;
    shares_ = workers + 1;
    const uint64_t before = door_.fetch_add(kLoop - kClosed, std::memory_order_seq_cst);
    wake();
    work(0, loop_of(before) + 1);
    // Late workers are turned away; those inside are finishing their last piece.
    door_.fetch_add(kClosed, std::memory_order_acquire);
    while (door_.load(std::memory_order_acquire) & kInside) pause();
    taken_.store(false, std::memory_order_release);
    return true;
  }

  // A loop is to come: to wake a worker takes longer than a small loop does.
  void rouse() {
    calls_.fetch_add(1, std::memory_order_seq_cst);
    wake();
  }

 private:
  // Of the door: how many workers are inside, whether it is closed, and in the upper half which loop it leads to.
  static constexpr uint64_t kInside = 0xffff, kClosed = 1 << 16, kLoop = uint64_t(1) << 32;
  static uint32_t loop_of(uint64_t door) { return static_cast<uint32_t>(door >> 32); }

  void wake() {
    if (asleep_.load(std::memory_order_seq_cst) == 0) return;
    std::lock_guard<std::mutex> lock(sleep_);
    wake_.notify_all();
  }

  // -> are there as many?
  bool grow(int workers) {
    try {
      while (static_cast<int>(workers_.size()) < workers) {
        const int id = static_cast<int>(workers_.size());
        const uint32_t seen = loop_of(door_.load());
        workers_.emplace_back([this, id, seen] { serve(id, seen); });
      }
    } catch (const std::exception&) {
      return false;
    }
    return true;
  }

  // One's own share first, then what is left of the others'. Neighbouring indices are neighbouring patches: a thread
  // meets in one layer what it wrote, and still has in its cache, in the last.
  void work(int mine, uint32_t loop) {
    for (int i = 0; i < shares_; ++i) {
      const int share = (mine + i) % shares_;
      for (int index; (index = take(share, loop)) >= 0;) body_(context_, index);
    }
  }

  // -> the next index of a share, or -1. A share that still counts for an earlier loop has not been begun in this one.
  int take(int share, uint32_t loop) {
    const int begin = static_cast<int>(static_cast<int64_t>(count_) * share / shares_);
    const int end = static_cast<int>(static_cast<int64_t>(count_) * (share + 1) / shares_);
    std::atomic<uint64_t>& next = share_[share].next;
    uint64_t found = next.load(std::memory_order_relaxed);
    for (;;) {
      const int index = static_cast<uint32_t>(found >> 32) == loop ? static_cast<int>(found & 0xffffffff) : begin;
      if (index >= end) return -1;
      const uint64_t taken = static_cast<uint64_t>(loop) << 32 | static_cast<uint32_t>(index + 1);
      if (next.compare_exchange_weak(found, taken, std::memory_order_relaxed)) return index;
    }
  }

  void wait_awake(uint32_t seen) const {
    const auto end = std::chrono::steady_clock::now() + kAwake;
    do {
      for (int i = 0; i < kPauses; ++i) {
        if (loop_of(door_.load(std::memory_order_relaxed)) != seen) return;
        pause();
      }
    } while (std::chrono::steady_clock::now() < end);
  }

  // Until there is a loop, or will be soon.
  void sleep(uint32_t seen) {
    std::unique_lock<std::mutex> lock(sleep_);
    const uint32_t calls = calls_.load(std::memory_order_seq_cst);
    asleep_.fetch_add(1, std::memory_order_seq_cst);
    wake_.wait(lock, [&] {
      return loop_of(door_.load(std::memory_order_seq_cst)) != seen || calls_.load(std::memory_order_seq_cst) != calls;
    });
    asleep_.fetch_sub(1);
  }

  void serve(int id, uint32_t seen) {
    for (;;) {
      wait_awake(seen);
      if (loop_of(door_.load(std::memory_order_relaxed)) == seen) {
        sleep(seen);
        continue;
      }
      const uint64_t door = door_.fetch_add(1, std::memory_order_acquire);
      seen = loop_of(door);
      if (!(door & kClosed) && id + 1 < shares_) work(id + 1, seen);
      door_.fetch_sub(1, std::memory_order_release);
    }
  }

  struct alignas(64) Share {
    std::atomic<uint64_t> next{0};  // which loop, and the index that comes next
  };

  alignas(64) std::atomic<uint64_t> door_{kClosed};
  void (*body_)(void*, int) = nullptr;
  void* context_ = nullptr;
  int count_ = 0, shares_ = 0;
  Share share_[kMostThreads];
  alignas(64) std::atomic<bool> taken_{false};
  std::atomic<int> asleep_{0};
  std::atomic<uint32_t> calls_{0};
  std::mutex sleep_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

// Never destroyed: a worker may outlive the static objects of a process that is leaving.
Pool& pool() {
  alignas(Pool) static char memory[sizeof(Pool)];
  static Pool* instance = new (memory) Pool;
  return *instance;
}

int default_threads() {
  static const int count = [] {
    const char* asked = std::getenv("PATCHSKIP_THREADS");
    const int n = asked ? std::atoi(asked) : 0;
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    return n > 0 ? n : cores > 0 ? cores : 1;
  }();
  return count;
}

thread_local int asked_threads = 0;

}  // namespace

int threads() { return asked_threads > 0 ? asked_threads : default_threads(); }

void set_threads(int n) {
  asked_threads = n;
  if (threads() > 1) pool().rouse();
}

void parallel_for(int count, void (*body)(void*, int), void* context) {
  int workers = (count < threads() ? count : threads()) - 1;
  if (workers >= kMostThreads) workers = kMostThreads - 1;
  if (workers > 0 && pool().run(workers, count, body, context)) return;
  for (int index = 0; index < count; ++index) body(context, index);
}

}  // namespace patchskip
