#include "threads.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

namespace patchskip {
namespace {

// How long a worker waits awake. Longer than the gaps within a frame, and than those between frames when they come as
// fast as they can; at 30 frames a second it sleeps most of the time.
constexpr std::chrono::microseconds kAwake(1000);
constexpr int kPauses = 64;  // between looks at the clock

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

constexpr int kMostThreads = 64;

struct Share {
  std::atomic<int> next{0};
  int end = 0;
  char apart[56];  // on a cache line of its own
};

class Pool {
 public:
  // Only one loop runs on the workers at a time; a caller that finds them busy runs its loop alone.
  bool run(int workers, int count, void (*body)(void*, int), void* context) {
    std::unique_lock<std::mutex> turn(turn_, std::try_to_lock);
    if (!turn.owns_lock()) return false;
    grow(workers);
    body_ = body;
    context_ = context;
    shares_ = workers + 1;
    for (int i = 0; i < shares_; ++i) {
      share_[i].next.store(static_cast<int>(static_cast<int64_t>(count) * i / shares_), std::memory_order_relaxed);
      share_[i].end = static_cast<int>(static_cast<int64_t>(count) * (i + 1) / shares_);
    }
    open_.store(true, std::memory_order_seq_cst);
    ticket_.fetch_add(1, std::memory_order_seq_cst);
    if (asleep_.load(std::memory_order_seq_cst) > 0) {
      std::lock_guard<std::mutex> lock(sleep_);
      wake_.notify_all();
    }
    work(0);
    // Late workers are turned away; those inside are finishing their last piece.
    open_.store(false, std::memory_order_seq_cst);
    while (inside_.load(std::memory_order_seq_cst) != 0) pause();
    return true;
  }

 private:
  void grow(int workers) {
    while (static_cast<int>(workers_.size()) < workers) {
      const int id = static_cast<int>(workers_.size());
      const unsigned seen = ticket_.load();
      workers_.emplace_back([this, id, seen] { serve(id, seen); });
    }
  }

  // One's own share first, then what is left of the others'. Neighbouring indices are neighbouring patches: a thread
  // meets in one layer what it wrote, and still has in its cache, in the last.
  void work(int mine) {
    for (int i = 0; i < shares_; ++i) {
      Share& share = share_[(mine + i) % shares_];
      for (;;) {
        const int index = share.next.fetch_add(1, std::memory_order_relaxed);
        if (index >= share.end) break;
        body_(context_, index);
      }
    }
  }

  void wait_awake(unsigned seen) const {
    const auto end = std::chrono::steady_clock::now() + kAwake;
    do {
      for (int i = 0; i < kPauses; ++i) {
        if (ticket_.load(std::memory_order_acquire) != seen) return;
        pause();
      }
    } while (std::chrono::steady_clock::now() < end);
  }

  void serve(int id, unsigned seen) {
    for (;;) {
      wait_awake(seen);
      if (ticket_.load(std::memory_order_acquire) == seen) {
        std::unique_lock<std::mutex> lock(sleep_);
        asleep_.fetch_add(1, std::memory_order_seq_cst);
        wake_.wait(lock, [&] { return ticket_.load(std::memory_order_seq_cst) != seen; });
        asleep_.fetch_sub(1);
      }
      seen = ticket_.load(std::memory_order_acquire);
      inside_.fetch_add(1, std::memory_order_seq_cst);
      if (open_.load(std::memory_order_seq_cst) && id + 1 < shares_) work(id + 1);
      inside_.fetch_sub(1, std::memory_order_seq_cst);
    }
  }

  std::mutex turn_;
  void (*body_)(void*, int) = nullptr;
  void* context_ = nullptr;
  int shares_ = 0;
  Share share_[kMostThreads];
  // Each on a cache line of its own.
  std::atomic<unsigned> ticket_{0};
  char apart_[64];
  std::atomic<int> inside_{0};
  std::atomic<bool> open_{false};
  std::atomic<int> asleep_{0};
  std::mutex sleep_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

// Never destroyed: a worker may outlive the static objects of a process that is leaving.
Pool& pool() {
  static Pool* instance = new Pool;
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

void set_threads(int n) { asked_threads = n; }

void parallel_for(int count, void (*body)(void*, int), void* context) {
  int workers = (count < threads() ? count : threads()) - 1;
  if (workers >= kMostThreads) workers = kMostThreads - 1;
  if (workers > 0 && pool().run(workers, count, body, context)) return;
  for (int index = 0; index < count; ++index) body(context, index);
}

}  // namespace patchskip
