// The kernels: one list, from which they are declared, compiled, emulated, planned and tested.
//
// KERNEL(name, Params, threads of a block, blocks that a multiprocessor should hold at once, the device function)
#pragma once
#include "channel_map_params.h"
#include "commit_params.h"
#include "concat_params.h"
#include "conv_params.h"
#include "copy_params.h"
#include "deform_params.h"
#include "depthwise_params.h"
#include "flatten_params.h"
#include "gate_params.h"
#include "image_params.h"
#include "mask_params.h"
#include "planes_params.h"
#include "pointwise_params.h"
#include "pool_params.h"
#include "resize_params.h"

// Names end in the type of the activations, and in x4 where a thread takes four channels of a pixel at a time.
// clang-format off
#define PS_PER_TYPE(KERNEL, name, Params, threads, blocks, function)       \
  KERNEL(name##_f32, Params, threads, blocks, function<float, 1>)          \
  KERNEL(name##_f32x4, Params, threads, blocks, function<float, 4>)        \
  KERNEL(name##_f16, Params, threads, blocks, function<half, 1>)           \
  KERNEL(name##_f16x4, Params, threads, blocks, function<half, 4>)

#define PS_DEPTHWISE(KERNEL, name, blocks, ...)                                                  \
  KERNEL(name##_f32x4, DepthwiseParams, 128, blocks, depthwise_tile<float, 4, __VA_ARGS__>)      \
  KERNEL(name##_f16x4, DepthwiseParams, 128, blocks, depthwise_tile<half, 4, __VA_ARGS__>)

// Convolutions have the large tile in their name, then the small one.
#define PS_CONV(KERNEL, tiles, blocks)                                                           \
  KERNEL(conv_##tiles##_f32x4, ConvParams, 64, blocks, conv<float, 4, ConvTiles##tiles>)         \
  KERNEL(conv_##tiles##_f16x4, ConvParams, 64, blocks, conv<half, 4, ConvTiles##tiles>)

#define PS_CONV_BY_ONE(KERNEL, tiles, blocks)                                                    \
  KERNEL(conv_##tiles##_f32, ConvParams, 64, blocks, conv<float, 1, ConvTiles##tiles>)           \
  KERNEL(conv_##tiles##_f16, ConvParams, 64, blocks, conv<half, 1, ConvTiles##tiles>)

#define PS_CONV_TENSOR(KERNEL, tiles, blocks)                                                    \
  KERNEL(conv_tensor_##tiles, ConvParams, 128, blocks, conv_tensor<ConvTensorTiles##tiles>)

#define PS_CUDA_KERNELS(KERNEL)                                            \
  PS_PER_TYPE(KERNEL, channel_map, ChannelMapParams, 256, 4, channel_map)  \
  PS_PER_TYPE(KERNEL, concat, ConcatParams, 256, 4, concat)                \
  PS_CONV(KERNEL, 64x64_8x64, 6)                                           \
  PS_CONV(KERNEL, 128x32_16x32, 5)                                         \
  PS_CONV(KERNEL, 128x16_32x16, 5)                                         \
  PS_CONV_BY_ONE(KERNEL, 128x32_16x32, 4)                                  \
  PS_CONV_BY_ONE(KERNEL, 128x16_32x16, 5)                                  \
  PS_CONV_TENSOR(KERNEL, 64x64_16x64, 3)                                   \
  PS_CONV_TENSOR(KERNEL, 128x32_32x32, 3)                                  \
  KERNEL(copy, CopyParams, 256, 4, copy_words)                             \
  PS_PER_TYPE(KERNEL, deform, DeformParams, 256, 4, deform)                \
  PS_PER_TYPE(KERNEL, depthwise, DepthwiseParams, 128, 8, depthwise)       \
  PS_DEPTHWISE(KERNEL, depthwise_3x3, 8, 3, 1, 1)                          \
  PS_DEPTHWISE(KERNEL, depthwise_3x3_tile, 6, 3, 1, 2)                     \
  PS_DEPTHWISE(KERNEL, depthwise_3x3_tile_s2, 5, 3, 2, 2)                  \
  PS_DEPTHWISE(KERNEL, depthwise_5x5, 8, 5, 1, 1)                          \
  PS_DEPTHWISE(KERNEL, depthwise_5x5_tile, 4, 5, 1, 2)                     \
  PS_DEPTHWISE(KERNEL, depthwise_5x5_tile_s2, 4, 5, 2, 2)                  \
  KERNEL(flatten_f32, FlattenParams, 256, 4, flatten<float>)               \
  KERNEL(flatten_f16, FlattenParams, 256, 4, flatten<half>)                \
  KERNEL(gate_exact_f32, GateParams, 256, 4, gate_values<float>)           \
  KERNEL(gate_exact_f16, GateParams, 256, 4, gate_values<half>)            \
  KERNEL(gate_delta, GateParams, 256, 4, gate_means)                       \
  KERNEL(commit_f32, CommitParams, 256, 3, commit<float>)                  \
  KERNEL(commit_f16, CommitParams, 256, 3, commit<half>)                   \
  KERNEL(image_f32, ImageParams, 256, 4, import_image<float>)              \
  KERNEL(image_f16, ImageParams, 256, 4, import_image<half>)               \
  KERNEL(patch_mask, MaskParams, 256, 4, grow_mask)                        \
  PS_PER_TYPE(KERNEL, planes, PlanesParams, 256, 4, planes)                \
  PS_PER_TYPE(KERNEL, pointwise, PointwiseParams, 256, 4, pointwise)       \
  PS_PER_TYPE(KERNEL, pool, PoolParams, 256, 4, pool)                      \
  PS_PER_TYPE(KERNEL, pool_large, PoolParams, 256, 4, pool_large)          \
  PS_PER_TYPE(KERNEL, resize, ResizeParams, 256, 4, resize)
// clang-format on
