// What a node asks of the GPU, decided once from its attributes and shapes: kernels to launch, their parameters, the
// workspace. No CUDA and no TensorRT type occurs here: a plan is made, tested and emulated on any machine.
#pragma once
#include <string>
#include <vector>

#include "common/attributes.h"
#include "cuda/device/params.h"

namespace patchskip {
namespace cuda {

constexpr int kMostParams = 1024;  // bytes
constexpr int kMostLaunches = 6;

struct Device {
  int sm = 53;  // compute capability: 10 * major + minor
  int multiprocessors = 1;
};

enum class Memory { kInput, kOutput, kWorkspace };

// Of a node's memory: so many bytes into an input, an output or the workspace.
struct Address {
  Memory memory;
  int index;
  int64_t offset;
};

inline Address input(int index, int64_t offset = 0) { return {Memory::kInput, index, offset}; }
inline Address output(int index) { return {Memory::kOutput, index, 0}; }
inline Address workspace(int64_t offset) { return {Memory::kWorkspace, 0, offset}; }

struct Pointer {
  size_t at;  // in the parameters
  Address address;
};

struct Launch {
  const char* kernel;
  int blocks, threads, shared_bytes;
  bool is_copy;  // of CopyParams: not needed where both are the same memory
  std::vector<char> params;
  std::vector<Pointer> pointers;
};

struct Output {
  ps_dtype dtype;
  std::vector<int64_t> shape;
};

struct Plan {
  std::vector<Launch> launches;
  std::vector<Output> outputs;
  int64_t workspace_bytes = 0;
};

// Of a node as `patchskip build` writes it, whose constants are one input, the last. Inputs' data is not read, but is
// null for an absent one. Throws Error.
Plan make_plan(const std::string& name, const Attributes&, const Tensor* inputs, int n_inputs, int n_outputs,
               const Device&);

// The launch's parameters for an execution on this memory, to `params`, which has room for kMostParams. false: it is
// not needed there.
bool write_params(const Launch&, const void* const* inputs, void* const* outputs, void* workspace, void* params);

struct Constants {
  std::vector<float> words;  // weights in the asked type, everything else in float32, as words of 32 bits
  std::vector<int> inputs;   // that they replace
};

// Of a node as `patchskip export` writes it. Only constant inputs' data is read. Throws Error.
Constants pack_constants(const std::string& name, const Attributes&, const Tensor* inputs, int n_inputs,
                         ps_dtype dtype);

}  // namespace cuda
}  // namespace patchskip
