#include "cuda/emulation/gpu.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace patchskip {
namespace cuda {
namespace emulation {
namespace {

constexpr size_t kFence = 256, kAlignment = 256;
constexpr uint16_t kPattern = 0x7fc1;  // a NaN, in float32 too, that no computation gives

bool untouched(const char* fence) {
  for (size_t i = 0; i < kFence; i += sizeof(kPattern)) {
    if (std::memcmp(fence + i, &kPattern, sizeof(kPattern))) return false;
  }
  return true;
}

}  // namespace

long long setting(const char* name, long long otherwise) {
  const char* text = std::getenv(name);
  return text && *text ? std::atoll(text) : otherwise;
}

void* FencedMemory::allocate(size_t bytes) {
  const size_t all = bytes + 2 * kFence + kAlignment;
  std::unique_ptr<char[]> block(new char[all]);
  const size_t beyond = reinterpret_cast<uintptr_t>(block.get() + kFence) % kAlignment;
  char* first = block.get() + kFence + (kAlignment - beyond) % kAlignment;
  std::memset(first, 0xff, bytes);  // NaN
  for (size_t i = 0; i < kFence; i += sizeof(kPattern)) {
    std::memcpy(first - kFence + i, &kPattern, sizeof(kPattern));
    std::memcpy(first + bytes + i, &kPattern, sizeof(kPattern));
  }
  allocations_[first] = {bytes, std::move(block)};
  bytes_ += bytes;
  return first;
}

bool FencedMemory::free(const void* at) {
  const auto found = allocations_.find(static_cast<const char*>(at));
  if (found == allocations_.end()) return false;
  bytes_ -= found->second.bytes;
  allocations_.erase(found);
  return true;
}

bool FencedMemory::holds(const void* at, size_t bytes) const {
  const char* first = static_cast<const char*>(at);
  auto found = allocations_.upper_bound(first);
  if (found == allocations_.begin()) return false;
  --found;
  return first + bytes <= found->first + found->second.bytes;
}

bool FencedMemory::intact() const {
  for (const auto& entry : allocations_) {
    const char* first = entry.first;
    if (!untouched(first - kFence) || !untouched(first + entry.second.bytes)) return false;
  }
  return true;
}

bool Gpu::captures() const {
  for (const auto& entry : streams) {
    const Stream& stream = *entry.second;
    const bool here = stream.forbids == std::thread::id() || stream.forbids == std::this_thread::get_id();
    if (stream.capturing && here) return true;
  }
  return false;
}

Status Gpu::forbidden() {
  for (const auto& entry : streams) entry.second->invalid |= entry.second->capturing;
  return kCaptureUnsupported;
}

Status Gpu::enqueue(Stream* stream, const std::function<Status()>& run, bool launches) {
  if (!owns(stream)) return kInvalidHandle;
  if (stream && stream->capturing) {
    stream->captured.push_back({run, launches});
    return kSuccess;
  }
  if (launches && ++launches_ == setting("PATCHSKIP_EMULATED_FAIL_AT", 0)) return error = kLaunchFailed;
  if (stream) {
    stream->waiting.push_back({run, launches});
    return kSuccess;
  }
  if (captures()) {
    forbidden();
    return kCaptureImplicit;
  }
  const Status before = finish(static_cast<Stream*>(nullptr));  // the default stream waits for the others
  return before ? before : error = run();
}

Status Gpu::launch(Stream* stream, const Function& function, int blocks, int threads, size_t shared_bytes,
                   const void* params) {
  if (blocks < 1 || threads < 1 || shared_bytes > kSharedOfBlock) return kInvalidValue;
  if (threads > function.kernel->threads) return kLaunchOutOfResources;
  const char* first = static_cast<const char*>(params);
  const std::vector<char> kept(first, first + function.kernel->params_bytes);
  return enqueue(stream, [=] { return run(function, blocks, threads, shared_bytes, kept.data()); }, true);
}

Status Gpu::run(const Function& function, int blocks, int threads, size_t shared_bytes, const void* params) {
  const char* wrong = emulation::run(function.kernel->run, params, blocks, threads, static_cast<int>(shared_bytes), 0);
  if (!wrong && !(memory.intact() && pinned.intact())) wrong = "it wrote beyond its memory";
  if (!wrong) return kSuccess;
  std::fprintf(stderr, "patchskip: emulated GPU: %s failed: %s\n", function.kernel->name, wrong);
  return kLaunchFailed;
}

Status Gpu::replay(Stream* stream, const Graph& graph) {
  for (const Operation& operation : graph) {
    const Status status = enqueue(stream, operation.run, operation.launches);
    if (status) return status;
  }
  return kSuccess;
}

Status Gpu::record(Stream* stream, Event* event) {
  event->captured = stream && stream->capturing;
  event->stream = stream;
  if (event->captured) return kSuccess;
  ++event->pending;
  return enqueue(stream, [=] {
    --event->pending;
    event->at = std::chrono::steady_clock::now();
    return kSuccess;
  });
}

Status Gpu::run_first(Stream* stream) {
  const Operation operation = stream->waiting.front();
  stream->waiting.pop_front();
  return error = operation.run();
}

Status Gpu::finish(Stream* stream) {
  if (!owns(stream)) return kInvalidHandle;
  if (stream ? stream->capturing : captures()) return forbidden();
  for (const auto& entry : streams) {
    if (stream && entry.first != stream) continue;
    while (!error && !entry.second->waiting.empty()) run_first(entry.second.get());
  }
  return error;
}

Status Gpu::finish(Event* event) {
  if (event->captured) return kCapturedEvent;
  while (!error && event->pending && !event->stream->waiting.empty()) run_first(event->stream);
  return error;
}

}  // namespace emulation
}  // namespace cuda
}  // namespace patchskip
