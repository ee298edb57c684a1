// What the functions of the emulated driver have in common.
#pragma once
#include <mutex>

#include "cuda/emulation/gpu.h"
#include "patchskip.h"

namespace patchskip {
namespace cuda {
namespace emulation {

struct Driver {
  std::mutex lock;
  bool initialised = false;
  std::unique_ptr<Gpu> gpu;  // the primary context
};

extern Driver driver;
extern thread_local std::vector<Gpu*> contexts;

template <typename Body>
Status with_driver(Body body) {
  std::lock_guard<std::mutex> lock(driver.lock);
  return driver.initialised ? body() : kNotInitialized;
}

// For what needs a context and fails once anything has failed.
template <typename Body>
Status with_gpu(Body body) {
  return with_driver([&] {
    if (contexts.empty() || contexts.back() != driver.gpu.get()) return kInvalidContext;
    return driver.gpu->error ? driver.gpu->error : body(*driver.gpu);
  });
}

template <typename T>
T* add(Owned<T>* owned, T* made) {
  (*owned)[made].reset(made);
  return made;
}

template <typename T>
Status remove(Gpu& g, Owned<T>* owned, const T* handle) {
  if (!owned->count(handle)) return kInvalidHandle;
  const Status status = g.captures() ? kSuccess : g.finish(static_cast<Stream*>(nullptr));
  owned->erase(handle);
  return status;
}

}  // namespace emulation
}  // namespace cuda
}  // namespace patchskip
