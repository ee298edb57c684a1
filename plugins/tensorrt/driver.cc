#include "tensorrt/driver.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

namespace patchskip {
namespace cuda {
namespace {

// Of cuda.h.
typedef int Status;
enum { kMultiprocessors = 16, kMajor = 75, kMinor = 76 };  // CUdevice_attribute

struct Library {
  std::string missing;  // why it cannot be used
  Status (*get_context)(void** context) = nullptr;
  Status (*get_device)(int* device) = nullptr;
  Status (*get_attribute)(int* value, int attribute, int device) = nullptr;
  Status (*load_module)(void** module, const void* image) = nullptr;
  Status (*get_function)(void** function, void* module, const char* name) = nullptr;
  Status (*launch)(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                   unsigned block_y, unsigned block_z, unsigned shared_bytes, void* stream, void** params,
                   void** extra) = nullptr;
  Status (*get_error_name)(Status status, const char** name) = nullptr;

  Library() {
    const char* given = std::getenv("PATCHSKIP_LIBCUDA");
    void* handle = dlopen(given ? given : "libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
      missing = std::string("no CUDA driver: ") + dlerror();
      return;
    }
    find(handle, "cuCtxGetCurrent", &get_context);
    find(handle, "cuCtxGetDevice", &get_device);
    find(handle, "cuDeviceGetAttribute", &get_attribute);
    find(handle, "cuModuleLoadData", &load_module);
    find(handle, "cuModuleGetFunction", &get_function);
    find(handle, "cuLaunchKernel", &launch);
    find(handle, "cuGetErrorName", &get_error_name);
  }

 private:
  template <typename Function>
  void find(void* handle, const char* name, Function* function) {
    *function = reinterpret_cast<Function>(dlsym(handle, name));
    if (!*function && missing.empty()) missing = std::string("the CUDA driver has no ") + name;
  }
};

// Stays open until the process ends.
const Library& library() {
  static const Library* const opened = new Library;
  return *opened;
}

void check(Status status, const std::string& what) {
  if (status == 0) return;
  const char* name = nullptr;
  if (library().get_error_name(status, &name) != 0 || !name) name = "an unknown error";
  const bool newer = std::strcmp(name, "CUDA_ERROR_INVALID_IMAGE") == 0;
  throw Error("CUDA: " + what + ": " + name +
              (newer ? "; if a newer CUDA than the driver's compiled them: `make plugin` on this machine" : ""));
}

int attribute(int number) {
  int device = 0, value = 0;
  check(library().get_device(&device), "asking for the device");
  check(library().get_attribute(&value, number, device), "asking for the device's properties");
  return value;
}

void* current_context() {
  void* context = nullptr;
  // Fails before anybody has initialised the driver: there is no context then.
  return library().missing.empty() && library().get_context(&context) == 0 ? context : nullptr;
}

// Of a Jetson's GPU.
bool is_tegra(int sm) {
  for (int tegra : {53, 62, 72, 87, 101, 110}) {  // Thor has been both
    if (sm == tegra) return true;
  }
  return false;
}

// A cubin runs on GPUs of its major version and of its minor one or a later; a Jetson's on its own GPU, and no other
// there (CUDA C++ Programming Guide, "Binary compatibility").
bool runs_on(int cubin, int sm) {
  if (is_tegra(cubin) || is_tegra(sm)) return cubin == sm;
  return cubin / 10 == sm / 10 && cubin <= sm;
}

const Cubin& cubin_for(int sm) {
  const Cubin* best = nullptr;
  for (int i = 0; i < kCubinCount; ++i) {
    const Cubin& candidate = kCubins[i];
    if (runs_on(candidate.sm, sm) && (!best || candidate.sm > best->sm)) best = &candidate;
  }
  expect(best != nullptr, "the plugin has kernels for " + listed_cubins() + "; this GPU is sm_" + std::to_string(sm) +
                              ": build it with `make plugin SM=" + std::to_string(sm) + "`");
  return *best;
}

// The kernels in one context.
class Module {
 public:
  Module() {
    const Cubin& cubin = cubin_for(current_device().sm);
    check(library().load_module(&handle_, cubin.data), "loading the kernels for sm_" + std::to_string(cubin.sm));
  }

  bool has(const std::string& kernel) const {
    void* found = nullptr;
    return library().get_function(&found, handle_, kernel.c_str()) == 0;
  }

  // -> a CUfunction.
  void* function(const std::string& kernel) const {
    void* found = nullptr;
    check(library().get_function(&found, handle_, kernel.c_str()), "finding the kernel " + kernel);
    return found;
  }

 private:
  void* handle_ = nullptr;
};

}  // namespace

std::string listed_cubins() {
  std::string text;
  for (int i = 0; i < kCubinCount; ++i) text += (i ? ", sm_" : "sm_") + std::to_string(kCubins[i].sm);
  return text;
}

Device current_device() {
  Device device;
  if (!current_context()) return device;
  device.sm = attribute(kMajor) * 10 + attribute(kMinor);
  device.multiprocessors = attribute(kMultiprocessors);
  return device;
}

Execution::Execution(const Plan& plan) : plan_(plan) {
  static std::mutex mutex;
  static auto* const modules = new std::map<void*, std::unique_ptr<Module>>;  // by context, until the process ends
  expect(library().missing.empty(), library().missing);
  void* const context = current_context();
  expect(context != nullptr, "CUDA: the thread has no context");
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Module>& module = (*modules)[context];
  // A context that was destroyed took its module with it; another may have come to its address.
  if (!module || !module->has(plan.launches.front().kernel)) module.reset(new Module);
  for (const Launch& launch : plan_.launches) kernels_.push_back(module->function(launch.kernel));
}

void Execution::enqueue(const void* const* inputs, void* const* outputs, void* workspace, void* stream) const {
  alignas(16) char params[kMostParams];
  void* arguments[] = {params};
  for (size_t i = 0; i < kernels_.size(); ++i) {
    const Launch& launch = plan_.launches[i];
    if (!write_params(launch, inputs, outputs, workspace, params)) continue;
    check(library().launch(kernels_[i], launch.blocks, 1, 1, launch.threads, 1, 1, launch.shared_bytes, stream,
                           arguments, nullptr),
          launch.kernel);
  }
}

}  // namespace cuda
}  // namespace patchskip
