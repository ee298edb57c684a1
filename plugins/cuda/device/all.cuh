// Every kernel of the list.
#pragma once
#include "copy.cuh"
#include "flatten.cuh"
#include "kernels.h"
#include "mask.cuh"
#include "pointwise.cuh"
