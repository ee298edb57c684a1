// Every kernel of the list.
#pragma once
#include "copy.cuh"
#include "kernels.h"
#include "pointwise.cuh"
