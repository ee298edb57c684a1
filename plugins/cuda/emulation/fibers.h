// A block's threads as fibers of one thread of the host. They run one after the other, each up to its next barrier,
// first to last or last to first: a kernel that lacks a barrier gives another result in one of the two orders.
#pragma once
#include <cstddef>
#include <cstdint>

namespace patchskip {
namespace cuda {
namespace emulation {

constexpr int kMostThreads = 1024, kMostExchanged = 64;  // bytes of a value that a warp exchanges

struct Current {  // the thread that runs
  int thread, threads, block, blocks;
  char* shared;
};
const Current& current();

// For all threads of a block.
void wait_for_block();

// For all threads of a warp: -> what each lane gave, `kMostExchanged` bytes apart. It stays until the next exchange but
// one.
const char* exchange(const void* value, size_t size);

// Ends the kernel: it did what a GPU forbids.
[[noreturn]] void fail(const char* what);

typedef void (*Kernel)(const void* params);

// Runs every block; -> null, or what went wrong. shared_bytes of shared memory begin as NaN and are fenced.
const char* run(Kernel, const void* params, int blocks, int threads, int shared_bytes, bool last_first);

}  // namespace emulation
}  // namespace cuda
}  // namespace patchskip
