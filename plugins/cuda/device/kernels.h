// The kernels: one list, from which they are declared, compiled, emulated, planned and tested.
//
// KERNEL(name, Params, threads of a block, blocks that a multiprocessor should hold at once, the device function)
#pragma once
#include "commit_params.h"
#include "copy_params.h"
#include "flatten_params.h"
#include "gate_params.h"
#include "image_params.h"
#include "mask_params.h"
#include "pointwise_params.h"

// clang-format off
#define PS_CUDA_KERNELS(KERNEL)                                        \
  KERNEL(copy, CopyParams, 256, 4, copy_words)                         \
  KERNEL(flatten_f32, FlattenParams, 256, 4, flatten<float>)           \
  KERNEL(flatten_f16, FlattenParams, 256, 4, flatten<half>)            \
  KERNEL(gate_exact_f32, GateParams, 256, 4, gate_values<float>)       \
  KERNEL(gate_exact_f16, GateParams, 256, 4, gate_values<half>)        \
  KERNEL(gate_delta, GateParams, 256, 4, gate_means)                   \
  KERNEL(commit_f32, CommitParams, 256, 3, commit<float>)              \
  KERNEL(commit_f16, CommitParams, 256, 3, commit<half>)               \
  KERNEL(image_f32, ImageParams, 256, 4, import_image<float>)          \
  KERNEL(image_f16, ImageParams, 256, 4, import_image<half>)           \
  KERNEL(patch_mask, MaskParams, 256, 4, grow_mask)                    \
  KERNEL(pointwise_f32, PointwiseParams, 256, 4, pointwise<float>)     \
  KERNEL(pointwise_f16, PointwiseParams, 256, 4, pointwise<half>)
// clang-format on
