// Every kernel of the list.
#pragma once
#include "commit.cuh"
#include "copy.cuh"
#include "depthwise.cuh"
#include "flatten.cuh"
#include "gate.cuh"
#include "image.cuh"
#include "kernels.h"
#include "mask.cuh"
#include "pointwise.cuh"
#include "pool.cuh"
#include "resize.cuh"
