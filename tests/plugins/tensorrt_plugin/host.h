// What the tests do with a plugin, whatever its interface is: host_node.cc, host_v2.cc and host_v3.cc stand for
// TensorRT.
#pragma once
#include "patchskip.h"

extern "C" {

typedef struct host_plugin host_plugin;

// Opens the plugin's library and finds its operators. registry: TensorRT's library, or null. 0: all of them are there.
PS_API int32_t host_open(const char* library, const char* registry);

PS_API const char* host_log();  // what was logged since the last call

// As the ONNX parser does it, with the attributes that the plugin asks for. Null: it refuses.
PS_API host_plugin* host_create(const char* op, const ps_attribute* attributes, int32_t count);
PS_API host_plugin* host_deserialise(const char* op, const void* bytes, int32_t size);
PS_API host_plugin* host_clone(host_plugin*);
PS_API void host_destroy(host_plugin*);

PS_API int32_t host_serialise(host_plugin*, void* bytes);  // -> how many; they are written unless that is null
PS_API int32_t host_outputs(host_plugin*);
PS_API int32_t host_aliased_input(host_plugin*, int32_t output);  // -1: none, or the interface has no such thing

// Type and shape of an output. 0: done.
PS_API int32_t host_output(host_plugin*, int32_t output, const ps_tensor* inputs, int32_t n_inputs, ps_tensor* like);

// tensors: the inputs and, behind them, the outputs.
PS_API int32_t host_accepts(host_plugin*, int32_t position, const ps_tensor* tensors, int32_t n_inputs,
                            int32_t n_outputs, int32_t linear);
PS_API int32_t host_configure(host_plugin*, const ps_tensor* tensors, int32_t n_inputs, int32_t n_outputs);
PS_API int64_t host_workspace(host_plugin*, const ps_tensor* tensors, int32_t n_inputs, int32_t n_outputs);
PS_API int32_t host_enqueue(host_plugin*, const ps_tensor* tensors, int32_t n_inputs, int32_t n_outputs,
                            void* workspace, void* stream);
}
