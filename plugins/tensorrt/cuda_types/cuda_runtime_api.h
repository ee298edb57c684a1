// What TensorRT's headers take from CUDA's file of this name. The plugin uses the driver API, without a header
// (driver.cc): this file stands in, so that building it asks for no CUDA toolkit.
#pragma once

typedef struct CUstream_st* cudaStream_t;
typedef struct CUevent_st* cudaEvent_t;
