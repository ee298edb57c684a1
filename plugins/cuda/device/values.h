// What kernels hold in registers.
#pragma once

namespace patchskip {
namespace cuda {

struct half {
  unsigned short bits;
};

template <int n>
struct Vec {
  float v[n];
};

typedef Vec<4> Vec4;

}  // namespace cuda
}  // namespace patchskip
