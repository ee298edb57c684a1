// Of commit.cuh.
#pragma once
#include "cells_params.h"

namespace patchskip {
namespace cuda {

struct CommitParams {
  Grid grid;
  const void* fresh;  // the operator's result
  void* out;          // Y, which holds the cache
  int* changed;       // null: nobody asks
  Cells cells;
};

}  // namespace cuda
}  // namespace patchskip
