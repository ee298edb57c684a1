// Of copy.cuh.
#pragma once
#include "params.h"

namespace patchskip {
namespace cuda {

struct CopyParams {
  const void* from;
  void* to;
  long long bytes;
};

}  // namespace cuda
}  // namespace patchskip
