// Of gate.cuh.
#pragma once
#include "cells_params.h"
#include "picture_params.h"

namespace patchskip {
namespace cuda {

struct GateParams {
  Picture picture;
  Grid grid;              // its `active` are the candidates; null: every patch
  const void* reference;  // exact: [H, W, C]. delta: float32 [cell rows, cell columns, C]
  int* active;
  float* updated;  // delta: the new reference, in memory of its own or not
  int cell_columns;
  Cells cells;
  Divisor by_channels, by_row;  // by_row: a row of a patch
};

}  // namespace cuda
}  // namespace patchskip
