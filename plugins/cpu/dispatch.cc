// Which instruction sets are built in, and which of them this machine runs.
#include <cstdlib>
#include <cstring>

#include "kernels.h"

namespace patchskip {

#if defined(__x86_64__)
namespace avx512 {
extern const Kernels kernels;
}
namespace avx2 {
extern const Kernels kernels;
}
#elif defined(__aarch64__)
namespace neon {
extern const Kernels kernels;
}
#endif
namespace portable {
extern const Kernels kernels;
}

namespace {

struct Usable {
  const Kernels* list[3] = {};
  int count = 0;
  Usable() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq")) {
      list[count++] = &avx512::kernels;
    }
    // Every processor with AVX2 has F16C, of which not every compiler can ask.
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) list[count++] = &avx2::kernels;
#elif defined(__aarch64__)
    list[count++] = &neon::kernels;
#endif
    list[count++] = &portable::kernels;
  }
};

const Usable& usable() {
  static const Usable instance;
  return instance;
}

const Kernels* find(const char* isa) {
  for (int i = 0; isa && i < usable().count; ++i) {
    if (std::strcmp(usable().list[i]->isa, isa) == 0) return usable().list[i];
  }
  return nullptr;
}

const Kernels*& chosen() {
  static const Kernels* kernels = [] {
    const Kernels* asked = find(std::getenv("PATCHSKIP_ISA"));
    return asked ? asked : usable().list[0];
  }();
  return kernels;
}

}  // namespace

const Kernels* const* usable_kernels(int* count) {
  *count = usable().count;
  return usable().list;
}

const Kernels* best_kernels() { return chosen(); }

bool select_kernels(const char* isa) {
  const Kernels* found = find(isa);
  if (found) chosen() = found;
  return found != nullptr;
}

}  // namespace patchskip
