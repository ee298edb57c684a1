// What kernels hold in registers.
#pragma once

namespace patchskip {
namespace cuda {

struct half {
  unsigned short bits;
};

struct Vec4 {  // four channels
  float v[4];
};

}  // namespace cuda
}  // namespace patchskip
