// What the emulated driver (driver.cc) drives: memory with fences, streams and graphs of a GPU that is not there. Work
// is done as late as CUDA allows, when the host waits for it: host code that forgets to wait is found out.
#pragma once
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cuda/emulation/emulator.h"

namespace patchskip {
namespace cuda {
namespace emulation {

enum Status {  // CUDA's numbers
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kInvalidHandle = 400,
  kIllegalState = 401,
  kNotFound = 500,
  kNotReady = 600,
  kIllegalAddress = 700,
  kLaunchOutOfResources = 701,
  kLaunchFailed = 719,
  kCaptureUnsupported = 900,
  kCaptureInvalidated = 901,
  kCaptureImplicit = 906,
  kCapturedEvent = 907,
};

// Allocations that begin as NaN, each between two fences.
class FencedMemory {
 public:
  void* allocate(size_t bytes);
  bool free(const void* at);
  bool holds(const void* at, size_t bytes) const;  // in one allocation
  bool intact() const;                             // is no fence written to?
  size_t bytes() const { return bytes_; }

 private:
  struct Allocation {
    size_t bytes;
    std::unique_ptr<char[]> block;
  };
  std::map<const char*, Allocation> allocations_;  // by their first byte
  size_t bytes_ = 0;
};

struct Operation {
  std::function<Status()> run;
  bool launches;  // a kernel
};
typedef std::vector<Operation> Graph;

struct Stream {
  std::deque<Operation> waiting;
  bool capturing = false, invalid = false;
  std::thread::id forbids;  // this thread to wait and to allocate meanwhile; of none: every thread
  Graph captured;
};

struct Event {
  bool timed = true, captured = false;
  int pending = 0;  // records that have not been reached
  Stream* stream = nullptr;
  std::chrono::steady_clock::time_point at;
};

constexpr int kSharedOfBlock = 48 * 1024;  // without asking for more, as nobody does

struct Function {
  const KernelEntry* kernel;
};

struct Module {
  std::map<std::string, Function> functions;
};

template <typename T>
using Owned = std::map<const T*, std::unique_ptr<T>>;

class Gpu {
 public:
  // Appends to a stream: is done when somebody waits, at once on the default stream, or recorded by a capture.
  Status enqueue(Stream*, const std::function<Status()>& run, bool launches = false);
  Status launch(Stream*, const Function&, int blocks, int threads, size_t shared_bytes, const void* params);
  Status replay(Stream*, const Graph&);
  Status record(Stream*, Event*);
  Status finish(Stream*);  // null: every stream
  Status finish(Event*);

  bool owns(const Stream* stream) const { return !stream || streams.count(stream); }
  bool captures() const;  // so that this thread may not wait
  Status forbidden();     // during a capture, which this invalidates

  FencedMemory memory, pinned;
  Owned<Stream> streams;
  Owned<Event> events;
  Owned<Module> modules;
  Owned<Graph> graphs, executables;
  Status error = kSuccess;  // stays: nothing works any more, as on a GPU
  int users = 0;

 private:
  Status run_first(Stream*);
  Status run(const Function&, int blocks, int threads, size_t shared_bytes, const void* params);

  int launches_ = 0;
};

long long setting(const char* name, long long otherwise);  // of the environment

}  // namespace emulation
}  // namespace cuda
}  // namespace patchskip
