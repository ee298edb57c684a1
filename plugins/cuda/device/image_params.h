// Of image.cuh.
#pragma once
#include "picture_params.h"

namespace patchskip {
namespace cuda {

struct ImageParams {
  Grid grid;
  Picture picture;
  void* out;
  int channels;
  Finish finish;
};

}  // namespace cuda
}  // namespace patchskip
